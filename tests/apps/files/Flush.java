import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** Takes orders from a FIFO into memory, and writes them out, which takes 1 s, when it is asked to stop. */
public class Flush {
	private static final List<String> orders = new CopyOnWriteArrayList<>();

	private static void flush() {
		try {
			Thread.sleep(1000);
			Files.write(Path.of("flushed"), orders);
		} catch (IOException | InterruptedException e) {
			e.printStackTrace();
		}
	}

	public static void main(String[] args) throws IOException {
		Runtime.getRuntime().addShutdownHook(new Thread(Flush::flush));
		try (BufferedReader in = Files.newBufferedReader(Path.of("orders"))) {
			for (String order; (order = in.readLine()) != null;) {
				orders.add(order);
				System.out.println("accepted " + order);
			}
		}
	}
}
