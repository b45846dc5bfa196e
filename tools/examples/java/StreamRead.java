// SPDX-License-Identifier: GPL-2.0
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;

/** usage: StreamRead [FILE] - the default ring to stdout, until its writers are done. */
class StreamRead {
	public static void main(String[] args) {
		String name = args.length > 0 ? args[0] : "/dev/ringbuf";
		try (FileInputStream ring = new FileInputStream(name)) {
			byte[] buffer = new byte[65536];
			FileOutputStream out = new FileOutputStream(FileDescriptor.out);
			for (int n; (n = ring.read(buffer)) > 0;)
				out.write(buffer, 0, n);
		} catch (IOException e) {
			System.err.println(name + ": " + e.getMessage());
			System.exit(1);
		}
	}
}
