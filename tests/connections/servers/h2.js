// h2.js serve PORT: an HTTP/2 server without TLS. h2.js CASE URL: a client; it prints "ready" when the state of its
// case is reached, and "done" when the response to its long request is complete.
'use strict'

const http2 = require('http2')

const LONG = '/sleep?s=2.5'

function serve (port) {
  const server = http2.createServer()
  server.on('stream', (stream, headers) => {
    const seconds = +new URL(headers[':path'], 'http://localhost').searchParams.get('s')
    setTimeout(() => {
      stream.respond({ ':status': 200 })
      stream.end('ok\n')
    }, 1000 * seconds)
  })
  server.listen(port, '127.0.0.1')
}

// When the connection is lost, a stream ends as well, without a body.
function request (session, path) {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':path': path })
    let received = 0
    stream.on('data', data => { received += data.length })
    stream.on('error', reject)
    stream.on('end', () => received > 0 ? resolve() : reject(new Error('no response')))
  })
}

const pause = seconds => new Promise(resolve => setTimeout(resolve, 1000 * seconds))

// Something else happens on the connection while a long request is in work.
async function during (session, other) {
  await request(session, '/sleep?s=0')
  const long = request(session, LONG)
  await pause(0.2)
  await other()
  await pause(0.7)
  console.log('ready')
  await long
  console.log('done')
}

const CASES = {
  // The acknowledgment of the server's settings may follow the first response.
  async idle (session) {
    await request(session, '/sleep?s=0')
    await request(session, '/sleep?s=0')
    await pause(0.7)
    console.log('ready')
  },
  async computes (session) {
    await request(session, '/sleep?s=0')
    await pause(0.7)
    const long = request(session, LONG)
    await pause(0.7)
    console.log('ready')
    await long
    console.log('done')
  },
  async streams (session) {
    await during(session, () => request(session, '/sleep?s=0'))
  },
  async pings (session) {
    await during(session, () => new Promise(resolve => session.ping(resolve)))
  }
}

const [what, target] = process.argv.slice(2)
if (what === 'serve') {
  serve(+target)
} else {
  const session = http2.connect(target, { rejectUnauthorized: false })
  session.on('error', () => {})
  CASES[what](session).catch(() => {})
}
