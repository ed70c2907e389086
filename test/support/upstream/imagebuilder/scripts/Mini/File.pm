package Mini::File;
# Whole files, and stanzas of `Field: value` lines as in a package index.
use strict;
use warnings;
use Exporter 'import';
our @EXPORT_OK = qw(slurp spew parse_stanzas format_stanza list_field);

sub slurp {
    my ($path) = @_;
    open my $file, '<:raw', $path or die "cannot read $path: $!\n";
    local $/;
    my $data = <$file>;
    close $file;
    return defined $data ? $data : '';
}

# Written beside and renamed: another build may read the same download folder.
sub spew {
    my ($path, $data) = @_;
    open my $file, '>:raw', "$path.$$" or die "cannot write $path: $!\n";
    print {$file} $data or die "cannot write $path: $!\n";
    close $file or die "cannot write $path: $!\n";
    rename "$path.$$", $path or die "cannot rename to $path: $!\n";
}

sub parse_stanzas {
    my ($text) = @_;
    my @stanzas;
    for my $block (split /\n\n+/, $text) {
        my %fields = $block =~ /^([A-Za-z0-9-]+): ?(.*)$/mg;
        push @stanzas, \%fields if $fields{Package};
    }
    return @stanzas;
}

sub format_stanza {
    my ($stanza, @fields) = @_;
    return join('', map { defined $stanza->{$_} ? "$_: $stanza->{$_}\n" : () } @fields) . "\n";
}

# The names in a list such as `libc, ip=6.18.0-r2, kernel (=6.12.94)`, each with the version after a plain `=`, if any.
sub list_field {
    my ($text) = @_;
    return map { /^([^\s=(]+)(?:=(\S+))?/ ? [$1, $2] : () } split /\s*,\s*/, defined $text ? $text : '';
}

1;
