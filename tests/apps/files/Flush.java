import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** Takes orders from a FIFO into memory. Its shutdown hook writes them out, which takes 5 s if there are any. */
public class Flush {
	private static final List<String> orders = new CopyOnWriteArrayList<>();

	private static void flush() {
		try {
			Thread.sleep(orders.isEmpty() ? 0 : 5000);
			Files.write(Path.of("flushed"), orders);
		} catch (IOException | InterruptedException e) {
			e.printStackTrace();
		}
	}

	public static void main(String[] args) throws IOException {
		Runtime.getRuntime().addShutdownHook(new Thread(Flush::flush));
		System.out.println("ready");
		try (BufferedReader in = Files.newBufferedReader(Path.of("orders"))) {
			for (String order; (order = in.readLine()) != null;) {
				orders.add(order);
				System.out.println("accepted " + order);
			}
		}
	}
}
