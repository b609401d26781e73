# Hashes, arrays, regular expressions, closures, sorting, references in cycles, forks and threads where perl has them.
use strict;
use warnings;
use Config;

my $count = shift // 60_000;
my $state = 12345;
sub next_number { $state = ($state * 1103515245 + 12345) % 2147483648; return $state; }

my %people;
for my $i (1 .. $count) {
    my $name = join '', map { chr(97 + next_number() % 26) } 1 .. (3 + next_number() % 10);
    push @{ $people{$name}{visits} }, { number => $i, text => 'x' x (next_number() % 200) };
    delete $people{ (sort keys %people)[0] } if $i % ($count / 4) == 0;
}
my ($visits, $characters) = (0, 0);
for my $name (sort keys %people) {
    $visits += @{ $people{$name}{visits} };
    $characters += length $_->{text} for @{ $people{$name}{visits} };
}
printf "%d people, %d visits, %d characters\n", scalar(keys %people), $visits, $characters;

my $text = join ' ', sort keys %people;
my %pairs;
$pairs{$1}++ while $text =~ /\b(\w\w)\w*/g;
print join(',', map { "$_=$pairs{$_}" } (sort { $pairs{$b} <=> $pairs{$a} || $a cmp $b } keys %pairs)[0 .. 19]), "\n";
(my $changed = $text) =~ s/([aeiou])(\w)/uc($1) . $2 x 3/ge;
print length($changed), ' ', unpack('%32C*', $changed), "\n";

my @closures = map { my $n = $_; sub { $n += shift; return $n } } 1 .. 20_000;
my $sum = 0;
for my $round (1 .. 5) { $sum += $_->($round) for @closures; }
print "$sum\n";

for (1 .. 20_000) { my $node = {}; my $other = { back => $node }; $node->{next} = $other; delete $other->{back}; }
my $growing = '';
$growing .= chr(32 + $_ % 90) x 7 for 1 .. 200_000;
print length($growing), ' ', unpack('%32C*', $growing), "\n";

for my $child (1 .. 5) {
    my $pid = open(my $pipe, '-|') // die "fork: $!";
    if ($pid == 0) { my @own = map { 'y' x ($_ % 500) } 1 .. 20_000; my $n = 0; $n += length for @own; print "child $child: $n\n"; exit 0; }
    print while <$pipe>;
    close $pipe or die "child failed: $?";
}
if ($Config{useithreads}) {
    require threads;
    my @threads = map { my $n = $_; threads->create(sub { my %own = map { $_ => 'z' x ($_ % 100) } 1 .. 10_000; my $l = 0; $l += length for values %own; $l + $n }) } 1 .. 4;
    print join(' ', map { $_->join } @threads), "\n";
}
print "done\n";
