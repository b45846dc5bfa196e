// SPDX-License-Identifier: GPL-2.0
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** usage: StreamWrite [FILE] - stdin into the default ring. */
class StreamWrite {
	public static void main(String[] args) {
		Path name = Path.of(args.length > 0 ? args[0] : "/dev/ringbuf");
		// Streams of Java continue after EINTR and after a short write.
		try (OutputStream ring = Files.newOutputStream(name, StandardOpenOption.WRITE)) {
			byte[] buffer = new byte[65536];
			FileInputStream in = new FileInputStream(FileDescriptor.in);
			for (int n; (n = in.read(buffer)) > 0;)
				ring.write(buffer, 0, n);
		} catch (IOException e) {
			System.err.println("StreamWrite: " + e);
			System.exit(1);
		}
	}
}
