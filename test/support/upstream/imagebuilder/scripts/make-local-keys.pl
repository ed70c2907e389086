#!/usr/bin/env perl
# Makes this directory's own signing key: random bytes in files of the right names.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use Digest::SHA qw(hmac_sha256);
use MIME::Base64 qw(encode_base64);
use Mini::File qw(spew);

open my $random, '<:raw', '/dev/urandom' or die "cannot read random bytes: $!\n";
read($random, my $secret, 72) == 72 or die "cannot read random bytes\n";

if ($ENV{APK}) {
    spew($ENV{LOCAL_KEY}, pem('EC PRIVATE KEY', $secret));
    spew($ENV{LOCAL_PUBLIC_KEY}, pem('PUBLIC KEY', hmac_sha256('public', $secret) x 2));
}
else {
    my $key = 'untrusted comment: Local build key ' . "\n" . encode_base64("Ed$secret", '') . "\n";
    my $id = substr hmac_sha256('id', $key), 0, 8;
    my $public = "untrusted comment: Local build key\n" . encode_base64("Ed$id" . hmac_sha256('public', $key), '') . "\n";
    spew($ENV{LOCAL_KEY}, $key);
    spew($ENV{LOCAL_PUBLIC_KEY}, $public);
    spew("$ENV{LOCAL_KEY}.ucert", encode_base64(hmac_sha256('ucert', $key)));
    spew("$ENV{LOCAL_KEY}.ucert.revoke", encode_base64(hmac_sha256('revoke', $key)));
    spew("$ENV{TOPDIR}/keys/" . unpack('H16', $id), $public);
}
chmod 0600, $ENV{LOCAL_KEY};

sub pem {
    my ($kind, $bytes) = @_;
    return "-----BEGIN $kind-----\n" . encode_base64($bytes) . "-----END $kind-----\n";
}
