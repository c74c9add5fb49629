# A small HTTP server for the host itself: minimal Debian has perl-base and nothing else that listens.
use strict;
use warnings;
use IO::Socket::INET;

my $port   = shift;
my $server = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 16, ReuseAddr => 1)
    or die "failed to listen on $port: $!";
while (my $client = $server->accept) {
    my ($method, $path) = (<$client> // '') =~ m{^(\S+) (\S+)};
    my $length = 0;
    while (my $line = <$client>) {
        $length = $1 if $line =~ /^content-length:\s*(\d+)/i;
        last if $line =~ /^\r?\n$/;
    }
    my $body = '';
    read $client, $body, $length if $length;
    $path //= '/';
    my ($status, $type, $extra, $answer) = ('404 Not Found', 'text/plain', '', "nothing at $path\n");
    ($status, $type, $answer) = ('200 OK', 'application/json', '{"answer": 42, "list": [1, 2]}') if $path eq '/json';
    ($status, $answer) = ('200 OK', "$method:$body") if $path eq '/echo';
    ($status, $answer) = ('200 OK', "a file\n") if $path eq '/file.txt';
    ($status, $extra) = ('302 Found', "Location: /json\r\n") if $path eq '/moved';
    $answer = '' if ($method // '') eq 'HEAD';
    print $client "HTTP/1.1 $status\r\nContent-Type: $type\r\nContent-Length: " . length($answer)
        . "\r\n${extra}Connection: close\r\n\r\n$answer";
    close $client;
}
