// SPDX-License-Identifier: GPL-2.0
/*
 * usage: map_write FILE - read stdin into the slots, as numbered messages, without a copy.
 * The ring must have an exclusive writer.  The letters in comments name barriers of
 * kmod/protocol.rst.
 */
#include <algorithm>
#include <limits>

#include "ring.hpp"

class Writer : public Ring {
	static constexpr int rw = PROT_READ | PROT_WRITE;
	ringbuf_info_page *info = region<ringbuf_info_page>(RINGBUF_REGION_INFO, PROT_READ);
	ringbuf_head_page *head = region<ringbuf_head_page>(RINGBUF_REGION_HEAD, rw);
	ringbuf_desc *desc = region<ringbuf_desc>(RINGBUF_REGION_SLOTS, rw);
	char *cursors = region<char>(RINGBUF_REGION_CURSOR, PROT_READ);
	char *data = region<char>(RINGBUF_REGION_DATA, rw);
	uint64_t limit = 0; // what the last pass of the gate allowed; the allowance may be higher

	/* Return the cursor of reader @row. */
	uint64_t row_cursor(uint32_t row) const
	{
		char *at = cursors + size_t(row) * is.page_size + RINGBUF_CURSOR_OFFSET(row);
		uint64_t floor = load(row_of(info, row).floor);

		return std::max<uint64_t>(floor,
					  load(reinterpret_cast<ringbuf_cursor *>(at)->cursor));
	}

	/* Return the row of this writer. */
	ringbuf_writer_row &own() const
	{
		char *rows = reinterpret_cast<char *>(head) + info->writer_offset;

		return *reinterpret_cast<ringbuf_writer_row *>(rows + size_t(is.id - 1) *
									      info->writer_stride);
	}

	/* Return the first position that no writer may take yet; @none without readers. */
	uint64_t gate_end(uint64_t none) const
	{
		uint64_t min = std::numeric_limits<uint64_t>::max();

		for (uint32_t row = 0, rows = load(info->rows); row < rows; row++)
			if (load(row_of(info, row).flags) & RINGBUF_ROW_GATING)
				min = std::min(min, row_cursor(row));
		return ~min ? min + is.slot_count : none;
	}

      public:
	explicit Writer(const std::string &name) : Ring(name, RINGBUF_ROLE_WRITER)
	{
		if (!(is.ring_flags & RINGBUF_CREATE_EXCLUSIVE) || is.slot_bytes <= 8)
			throw std::runtime_error(
				name + ": not for exclusive writers, or no room for a message");
	}

	/* Wait until the gate allows the slot at @position, and return it. */
	char *reserve()
	{
		__u64 &allowance = own().allowance;

		while (load(info->readers_wanted)) // (L)
			wait();
		while (limit <= position) {
			uint64_t generation;

			do {
				generation = load(info->generation);
				limit = gate_end(position + 1);
				if (limit > load(allowance))
					store<__u64>(allowance, limit);
				fence(); // (H)
			} while (load(info->generation) != generation);
			if (limit <= position)
				wait();
		}
		store<__u64>(desc[position % is.slot_count].state, 0);
		fence(); // (M)
		return data + position % is.slot_count * is.slot_stride;
	}

	void commit(size_t length)
	{
		ringbuf_desc &d = desc[position % is.slot_count];

		d.length = uint32_t(length);
		d.flags = 0;
		store<__u64>(d.state, position << RINGBUF_STATE_SHIFT | RINGBUF_COMMITTED); // (A)
		fence(); // (B)
		store<__u64>(head->head, position + 1);
		wake(info->wake_position, position++);
	}

	void done() const
	{
		ringbuf_done d{ sizeof(d), 0 };

		if (::ioctl(fd, RINGBUF_IOC_DONE, &d))
			fail("done");
	}
};

int main(int argc, char **argv)
{
	return run(argc, argv, nullptr, [](const std::string &name) {
		Writer writer(name);
		char *slot = writer.reserve();

		for (uint64_t number = 0;; number++, slot = writer.reserve()) {
			size_t n = read_some(0, slot + 8, writer.is.slot_bytes - 8, "stdin");

			if (!n)
				break;
			std::memcpy(slot, &number, 8);
			writer.commit(n + 8);
		}
		writer.done();
	});
}
