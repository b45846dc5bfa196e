#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0
# usage: message_read.pl FILE - numbered messages to stdout, one read(2) each
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Ring qw(read_some write_all attach READER);

my $name = shift // die "usage: message_read.pl FILE\n";
my ($ring, $slot_bytes) = attach($name, READER);
for (my $wanted = 0; length(my $message = read_some($ring, $slot_bytes, $name)); $wanted++) {
	die "$name: message $wanted is missing\n"
		if substr($message, 0, 8) ne pack('Q<', $wanted);
	write_all(*STDOUT, substr($message, 8), 'stdout');
}
