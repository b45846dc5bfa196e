#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0
# usage: message_write.pl FILE - stdin in numbered messages, one write(2) each
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Ring qw(read_some write_all attach WRITER);

my $name = shift // die "usage: message_write.pl FILE\n";
my ($ring, $slot_bytes) = attach($name, WRITER);
die "$name: no room for a message\n" if $slot_bytes <= 8;
for (my $number = 0; length(my $data = read_some(*STDIN, $slot_bytes - 8, 'stdin')); $number++) {
	write_all($ring, pack('Q<', $number) . $data, $name);
}
