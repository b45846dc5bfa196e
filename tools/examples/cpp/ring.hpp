/* SPDX-License-Identifier: GPL-2.0 */
/* What the C++ examples share: reads and writes that continue after a signal, and a mapped ring. */
#ifndef EXAMPLE_RING_HPP
#define EXAMPLE_RING_HPP

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <linux/ringbuf.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <system_error>
#include <unistd.h>
#include <vector>

[[noreturn]] inline void fail(const std::string &what)
{
	throw std::system_error(errno, std::generic_category(), what);
}

inline size_t read_some(int fd, char *to, size_t size, const std::string &name)
{
	ssize_t n;

	do
		n = ::read(fd, to, size);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		fail(name);
	return size_t(n);
}

inline void write_all(int fd, std::string_view bytes, const std::string &name)
{
	while (!bytes.empty()) {
		ssize_t n = ::write(fd, bytes.data(), bytes.size());

		if (n < 0 && errno != EINTR)
			fail(name);
		if (n > 0)
			bytes.remove_prefix(size_t(n));
	}
}

/* An open file, closed by the destructor. */
class File {
      public:
	const int fd;

	File(const std::string &name, int flags) : fd(::open(name.c_str(), flags))
	{
		if (fd < 0)
			fail(name);
	}
	File(const File &) = delete;
	~File()
	{
		::close(fd);
	}
};

/* Load a word that other processes store, store one that they load: as a whole and in order. */
template <typename T> T load(T &word)
{
	return std::atomic_ref<T>(word).load(std::memory_order_acquire);
}

template <typename T> void store(T &word, T value)
{
	std::atomic_ref<T>(word).store(value, std::memory_order_release);
}

inline void fence()
{
	std::atomic_thread_fence(std::memory_order_seq_cst);
}

/* Return row @i of the info page. */
inline ringbuf_row &row_of(ringbuf_info_page *info, uint32_t i)
{
	char *rows = reinterpret_cast<char *>(info) + info->row_offset;

	return *reinterpret_cast<ringbuf_row *>(rows + size_t(i) * info->row_stride);
}

/* A handle of a ring: its file after ATTACH. */
class Ring : public File {
      public:
	ringbuf_info is{};
	std::vector<ringbuf_region> regions{ 8 };
	uint64_t position = 0;

	Ring(const std::string &name, uint32_t role) : File(name, O_RDWR)
	{
		ringbuf_attach a{};

		a.size = sizeof(a);
		a.role = role;
		a.fd = -1; /* attach to the ring of this file */
		a.start = role == RINGBUF_ROLE_READER ? RINGBUF_START_OLDEST : 0;
		is.size = sizeof(is);
		is.regions = reinterpret_cast<uintptr_t>(regions.data());
		is.region_size = sizeof(ringbuf_region);
		is.region_count = uint32_t(regions.size());
		if (::ioctl(fd, RINGBUF_IOC_ATTACH, &a) || ::ioctl(fd, RINGBUF_IOC_INFO, &is))
			fail(name);
		regions.resize(std::min<size_t>(regions.size(), is.region_count));
		position = a.position;
	}

	template <typename T> T *map(uint64_t offset, uint64_t bytes, int prot) const
	{
		void *p = ::mmap(nullptr, bytes, prot, MAP_SHARED, fd, off_t(offset));

		if (p == MAP_FAILED)
			fail("mmap");
		return static_cast<T *>(p);
	}

	const ringbuf_region &find(uint32_t id) const
	{
		for (const ringbuf_region &r : regions)
			if (r.id == id)
				return r;
		throw std::runtime_error("no such region");
	}

	template <typename T> T *region(uint32_t id, int prot) const
	{
		return map<T>(find(id).offset, find(id).bytes, prot);
	}

	/* Wait until one more slot can be read or written. */
	void wait() const
	{
		ringbuf_wait w{};

		w.size = sizeof(w);
		w.timeout = RINGBUF_NO_TIMEOUT;
		w.count = 1;
		if (::ioctl(fd, RINGBUF_IOC_WAIT, &w) && errno != EINTR)
			fail("wait");
	}

	/* Wake others after a store, if it has reached @word, their wake word. */
	void wake(__u64 &word, uint64_t reached) const
	{
		ringbuf_wake w{ sizeof(w), 0 };

		fence();
		if (load(word) <= reached && ::ioctl(fd, RINGBUF_IOC_WAKE, &w))
			fail("wake");
	}
};

/* The body of main(): call @work with the argument, and print the exception that it throws. */
template <typename Work> int run(int argc, char **argv, const char *fallback, Work work)
{
	if (argc > 2 || (argc < 2 && !fallback)) {
		std::fprintf(stderr, "usage: %s FILE\n", argv[0]);
		return 2;
	}
	try {
		work(std::string(argc > 1 ? argv[1] : fallback));
		return 0;
	} catch (const std::exception &e) {
		std::fprintf(stderr, "%s\n", e.what());
		return 1;
	}
}

#endif
