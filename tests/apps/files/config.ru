# Answers /slow in 5 s.
class Body
  def initialize(path)
    @path = path
  end

  def each
    yield "begin\n"
    sleep 5 if @path == '/slow'
    yield "end\n"
  end
end

run ->(env) { [200, { 'content-type' => 'text/plain' }, Body.new(env['PATH_INFO'])] }
