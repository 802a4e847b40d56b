// App PORT: the HTTP server of the JDK, as it is by default.
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Executors;

public class App {
	static Map<String, Double> words(HttpExchange exchange) {
		Map<String, Double> words = new HashMap<>();
		String query = exchange.getRequestURI().getQuery();
		if (query != null)
			for (String pair : query.split("&"))
				words.put(pair.split("=")[0], Double.parseDouble(pair.split("=")[1]));
		return words;
	}

	static void sleep(double seconds) throws IOException {
		try {
			Thread.sleep((long) (1000 * seconds));
		} catch (InterruptedException interrupt) {
			throw new IOException(interrupt);
		}
	}

	static void answer(HttpExchange exchange, byte[] body) throws IOException {
		exchange.sendResponseHeaders(200, body.length);
		exchange.getResponseBody().write(body);
		exchange.close();
	}

	static void stream(HttpExchange exchange) throws IOException {
		Map<String, Double> words = words(exchange);
		exchange.sendResponseHeaders(200, 0);
		OutputStream out = exchange.getResponseBody();
		for (int number = 0; number < words.get("n"); number++) {
			sleep(number == 0 ? 0 : words.get("pause"));
			out.write(("data: " + number + "\n\n").getBytes());
			out.flush();
		}
		exchange.close();
	}

	public static void main(String[] arguments) throws IOException {
		byte[] ok = "ok\n".getBytes();
		HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(arguments[0])), 0);
		server.createContext("/sleep", exchange -> {
			sleep(words(exchange).getOrDefault("s", 0.0));
			answer(exchange, ok);
		});
		server.createContext("/stream", App::stream);
		server.createContext("/big", exchange -> answer(exchange, new byte[8 << 20]));
		server.createContext("/upload", exchange -> {
			exchange.getRequestBody().readAllBytes();
			answer(exchange, ok);
		});
		server.setExecutor(Executors.newCachedThreadPool());
		server.start();
	}
}
