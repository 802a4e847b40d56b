// A shop, with the HTTP server of the JDK. It knows nothing of stopping or draining.
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.concurrent.Executors;

public class Shop {
	static final byte[] PAGE = ("x".repeat(1000) + "end\n").getBytes();

	static void answer(HttpExchange exchange) throws IOException {
		exchange.sendResponseHeaders(200, PAGE.length);
		exchange.getResponseBody().write(PAGE);
		exchange.close();
	}

	static void sleep(HttpExchange exchange) throws IOException {
		String seconds = exchange.getRequestURI().getQuery().substring("s=".length());
		try {
			Thread.sleep((long) (1000 * Double.parseDouble(seconds)));
		} catch (InterruptedException interrupt) {
			throw new IOException(interrupt);
		}
		answer(exchange);
	}

	public static void main(String[] words) throws IOException {
		HttpServer server = HttpServer.create(new InetSocketAddress(Integer.parseInt(words[0])), 128);
		server.createContext("/health", Shop::answer);
		server.createContext("/sleep", Shop::sleep);
		server.setExecutor(Executors.newCachedThreadPool());
		server.start();
	}
}
