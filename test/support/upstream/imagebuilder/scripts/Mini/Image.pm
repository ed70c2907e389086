package Mini::Image;
# Puts images together from kernel and root filesystems; writes them with their metadata, signature and description.
use strict;
use warnings;
use Compress::Zlib ();
use Digest::SHA qw(sha256_hex hmac_sha256);
use Exporter 'import';
use JSON::PP ();
use Mini::File qw(slurp spew);
our @EXPORT_OK = qw(write_flash_image write_disk_image copy_file);

my $json = JSON::PP->new->canonical;

sub pad {
    my ($data, $block) = @_;
    my $rest = length($data) % $block;
    return $rest ? $data . "\xff" x ($block - $rest) : $data;
}

# Kernel and squashfs in whole erase blocks; a factory image has a header of the vendor before.
sub write_flash_image {
    my ($device, $image) = @_;
    my $body = pad(pad(slurp("$ENV{KERNEL_BUILD_DIR}/$ENV{PROFILE_ID}-kernel.bin"), 65536) . slurp("$ENV{KERNEL_BUILD_DIR}/root.squashfs"), 65536);
    $body = pack('a16 a240 N a252', 'FACTORY', "$ENV{PROFILE_ID} $image->{type}", length $body, '') . $body if $image->{type} =~ /^factory/;
    printf STDERR "padding image to %08x\n", length $body;
    my $name = "$ENV{IMAGE_NAME}-squashfs-$image->{type}.$image->{extension}";
    finish($device, $image, $name, 'squashfs', $body, $device->{image_size});
}

# A disk with a boot record that states the partition sizes, kernel, root filesystem; empty space is left out. Gzipped.
sub write_disk_image {
    my ($device, $image, $filesystem) = @_;
    my $root = slurp("$ENV{KERNEL_BUILD_DIR}/root." . ($filesystem eq 'targz' ? 'tar.gz' : $filesystem));
    my $type = $image->{type};
    my $body = $root;
    if ($type =~ /^combined/) {
        my $partitions = pack 'a446 V4 V4 a32 v', $type, 1, 0x83, 512, 16 * 2048, 1, 0x83, 33280, $ENV{ROOTFS_PARTSIZE_MIB} * 2048, '', 0xAA55;
        $body = $partitions . pad(slurp("$ENV{KERNEL_BUILD_DIR}/$ENV{PROFILE_ID}-kernel.bin"), 4096) . $root;
    }
    $body = Compress::Zlib::memGzip($body) unless $filesystem eq 'targz';
    finish($device, $image, "$ENV{IMAGE_NAME}-$filesystem-$type.$image->{extension}", $filesystem, $body, 0);
}

sub finish {
    my ($device, $image, $name, $filesystem, $body, $limit) = @_;
    my $draft = "$ENV{IMAGE_TMP_DIR}/$name";
    if ($limit && length $body > $limit) {
        print STDERR "    WARNING: Image file $draft is too big: " . length($body) . " > $limit\n";
        print "Skip JSON creation for non existing file $ENV{BIN_DIR}/$name\n";
        return;
    }
    $body .= metadata($device) if $image->{metadata};
    my $unsigned = sha256_hex($body);
    $body .= signature($body) if $image->{metadata} && $ENV{SIGN_IMAGES};
    spew($draft, $body);
    copy_file($draft, $name);
    describe($device, {
        filesystem => $filesystem, name => $name, type => $image->{type},
        sha256 => sha256_hex($body), sha256_unsigned => $unsigned, ($ENV{IMAGE_SIZES} ? (size => length($body) + 0) : ()),
    });
}

sub copy_file {
    my ($from, $name) = @_;
    spew("$ENV{BIN_DIR}/$name", slurp($from));
}

# What sysupgrade reads from the end of an image.
sub metadata {
    my ($device) = @_;
    my $text = $json->encode({
        metadata_version => '1.1', compat_version => '1.0', supported_devices => $device->{supported_devices},
        version => {dist => 'OpenWrt', version => $ENV{VERSION_NUMBER}, revision => $ENV{REVISION}, target => "$ENV{BOARD}/$ENV{SUBTARGET}", board => $ENV{PROFILE_ID}},
    });
    return $text . pack('a4 N N', 'FWx0', 1, length $text);
}

# By the key of this directory: two directories give different files.
sub signature {
    my ($body) = @_;
    my $signature = 'Ed' . hmac_sha256($body, slurp($ENV{LOCAL_KEY})) x 2;
    return $signature . pack('a4 N N', 'FWx0', 2, length $signature);
}

sub describe {
    my ($device, $image) = @_;
    my %profile = (
        device_packages => $device->{device_packages}, image_prefix => $ENV{IMAGE_NAME}, images => [$image],
        supported_devices => $device->{supported_devices}, titles => $device->{titles},
    );
    $profile{file_size_limits} = {image => $device->{image_size} + 0} if $ENV{IMAGE_SIZES} && $device->{image_size};
    spew("$ENV{JSON_INFO_DIR}/$image->{name}.json", $json->encode({$ENV{PROFILE_ID} => \%profile}));
}

1;
