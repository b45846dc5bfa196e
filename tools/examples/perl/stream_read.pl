#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0
# usage: stream_read.pl [FILE] - the default ring to stdout, until its writers are done
use strict;
use warnings;
use Fcntl;
use FindBin;
use lib $FindBin::Bin;
use Ring qw(read_some write_all);

my $name = shift // '/dev/ringbuf';
sysopen(my $ring, $name, O_RDONLY) or die "$name: $!\n";
while (length(my $data = read_some($ring, 65536, $name))) {
	write_all(*STDOUT, $data, 'stdout');
}
