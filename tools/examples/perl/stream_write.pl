#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0
# usage: stream_write.pl [FILE] - stdin into the default ring
use strict;
use warnings;
use Fcntl;
use FindBin;
use lib $FindBin::Bin;
use Ring qw(read_some write_all);

my $name = shift // '/dev/ringbuf';
sysopen(my $ring, $name, O_WRONLY) or die "$name: $!\n";
while (length(my $data = read_some(*STDIN, 65536, 'stdin'))) {
	write_all($ring, $data, $name);
}
close($ring) or die "$name: $!\n";
