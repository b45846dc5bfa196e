# SPDX-License-Identifier: GPL-2.0
package Ring;
# What the Perl examples share: reads and writes that continue after a signal, and a ring.
use strict;
use warnings;
use Exporter 'import';
use Fcntl;

our @EXPORT_OK = qw(read_some write_all attach READER WRITER);

use constant { READER => 1, WRITER => 2, START_OLDEST => 1 };
# _IOC() of x86 and Arm: 3 (the kernel reads and writes), size of the structure, number of the call.
use constant {
	IOC_ATTACH => 3 << 30 | 40 << 16 | 0xBB02,
	IOC_INFO => 3 << 30 | 96 << 16 | 0xBB03,
};

# Read up to $size bytes, as many as are available; return '' at the end.
sub read_some {
	my ($file, $size, $name) = @_;
	my $n;
	do {
		$n = sysread($file, my $data, $size);
		return $data if defined $n;
	} while ($!{EINTR});
	die "$name: $!\n";
}

sub write_all {
	my ($file, $data, $name) = @_;
	my $at = 0;
	while ($at < length $data) {
		my $n = syswrite($file, $data, length($data) - $at, $at);
		die "$name: $!\n" if !defined $n && !$!{EINTR};
		$at += $n // 0;
	}
}

# Return a handle of the ring in the file $name, and its slot_bytes.
sub attach {
	my ($name, $role) = @_;
	sysopen(my $ring, $name, O_RDWR) or die "$name: $!\n";
	# struct ringbuf_attach: size, flags, role, fd, position, start, id, policy, reserved
	my $attach = pack('LLLlQLLLL', 40, 0, $role, -1, 0, $role == READER ? START_OLDEST : 0, 0, 0, 0);
	ioctl($ring, IOC_ATTACH, $attach) or die "$name: $!\n";
	# struct ringbuf_info begins: size, flags, regions, region_size, region_count, slot_bytes
	my $info = pack('Lx92', 96);
	ioctl($ring, IOC_INFO, $info) or die "$name: $!\n";
	return ($ring, unpack('x24Q', $info));
}

1;
