package Mini::Fetch;
# Downloads with wget, which obeys http_proxy.
use strict;
use warnings;
use Exporter 'import';
use Digest::SHA qw(sha256_hex);
use File::Basename qw(basename);
use Mini::File qw(slurp spew);
our @EXPORT_OK = qw(fetch fetch_all);

my @WGET = qw(wget --no-hsts --no-check-certificate --tries=1 --timeout=120);

# One URL into a file. Returns wget's exit code: 0, 4 (network), 8 (the server said no), ...
sub fetch {
    my ($url, $path) = @_;
    my $code = system(@WGET, '-q', '-O', "$path.part.$$", $url) >> 8;
    if ($code == 0) { rename "$path.part.$$", $path or die "cannot rename to $path: $!\n" }
    else { unlink "$path.part.$$" }
    return $code;
}

# Many URLs, quietly for apk as the real one does, over one connection: URL => [file, sha256]. Returns URL => wget's exit code, or `checksum`, for those that failed.
sub fetch_all {
    my (%wanted) = @_;
    return () unless %wanted;
    my $folder = "$ENV{TMP_DIR}/fetch.$$";
    mkdir $folder;
    open my $wget, '|-', @WGET, ($ENV{APK} ? '-q' : '-nv'), '-P', $folder, '-i', '-' or die "cannot start wget: $!\n";
    print {$wget} "$_\n" for sort keys %wanted;
    close $wget;
    my $code = $? >> 8;
    my %failed;
    for my $url (sort keys %wanted) {
        my ($path, $sha256) = @{$wanted{$url}};
        my $got = "$folder/" . basename($url);
        my $data = -e $got ? slurp($got) : undef;
        if (defined $data && sha256_hex($data) eq $sha256) { spew($path, $data) }
        else { $failed{$url} = $code || 'checksum' }
    }
    system('rm', '-rf', $folder);
    return %failed;
}

1;
