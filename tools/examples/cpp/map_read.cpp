// SPDX-License-Identifier: GPL-2.0
/*
 * usage: map_read FILE - numbered messages to stdout, without a copy: from the slots.
 * The letters in comments name barriers of kmod/protocol.rst.
 */
#include <optional>

#include "ring.hpp"

class Reader : public Ring {
	ringbuf_info_page *info = region<ringbuf_info_page>(RINGBUF_REGION_INFO, PROT_READ);
	ringbuf_desc *desc = region<ringbuf_desc>(RINGBUF_REGION_SLOTS, PROT_READ);
	char *data = region<char>(RINGBUF_REGION_DATA, PROT_READ);
	char *page = map<char>(find(RINGBUF_REGION_CURSOR).offset + uint64_t(is.id) * is.page_size,
			       is.page_size, PROT_READ | PROT_WRITE);
	ringbuf_cursor *own =
		reinterpret_cast<ringbuf_cursor *>(page + RINGBUF_CURSOR_OFFSET(is.id));

	bool ended() const
	{
		return load(info->writers_ever) && !load(info->writers); // (J)
	}

	void check_floor() const
	{
		if (load(row_of(info, is.id).floor) > position)
			throw std::runtime_error("moved forward: messages are lost");
	}

      public:
	explicit Reader(const std::string &name) : Ring(name, RINGBUF_ROLE_READER)
	{
		// Writers do not wait for a lossy reader, which therefore has to check more: (M).
		if (load(row_of(info, is.id).flags) & RINGBUF_ROW_LOSSY)
			throw std::runtime_error(name +
						 ": its readers are lossy: use message_read");
	}

	/* Wait for the next message and return it in its slot; nothing at the end of the stream. */
	std::optional<std::string_view> peek()
	{
		for (;;) {
			ringbuf_desc &d = desc[position % is.slot_count];
			bool end = ended(); // before the state, or the last message could be missed
			uint64_t state = load(d.state); // (A)

			check_floor();
			if (state == (position << RINGBUF_STATE_SHIFT | RINGBUF_COMMITTED))
				return std::string_view(
					data + position % is.slot_count * is.slot_stride,
					std::min<uint64_t>(load(d.length), is.slot_bytes));
			if (state & RINGBUF_STATE_MASK &&
			    state >> RINGBUF_STATE_SHIFT == position) {
				store<__u64>(own->holes, own->holes + 1);
				step();
			} else if (end) {
				return {};
			} else {
				wait();
			}
		}
	}

	void step()
	{
		store<__u64>(own->cursor, ++position); // (F), (D)
		wake(info->wake_cursor, position);
	}

	/* Give the slot back, after a check that the reader was not moved meanwhile. */
	void release()
	{
		fence(); // (K)
		check_floor();
		step();
	}

	bool died() const
	{
		return load(info->ended) == RINGBUF_END_DIED;
	}
};

int main(int argc, char **argv)
{
	return run(argc, argv, nullptr, [](const std::string &name) {
		Reader reader(name);

		for (uint64_t number = 0; auto message = reader.peek(); number++) {
			if (message->size() < 8 || std::memcmp(message->data(), &number, 8))
				throw std::runtime_error(name + ": message " +
							 std::to_string(number) + " is missing");
			write_all(1, message->substr(8), "stdout");
			reader.release();
		}
		if (reader.died())
			throw std::runtime_error(name + ": the writer died");
	});
}
