package Mini::Apk;
# apk's way to choose packages: all at once, or an explanation why not.
use strict;
use warnings;
use Exporter 'import';
use Mini::Database qw(provider_table requires);
use Mini::File qw(list_field);
our @EXPORT_OK = qw(solve full_name);

sub full_name { return "$_[0]{Package}-$_[0]{Version}" }

# Returns (chosen stanzas in installation order, error lines); one of the two is empty.
sub solve {
    my ($stanzas, @world) = @_;
    my $providers = provider_table(@$stanzas);
    my (%chosen, %wanted_by, %missing);
    my @undecided = map { [$_, "world[$_]"] } @world;
    my @deferred;
    while (@undecided || @deferred) {
        # Names with one candidate come first, so that another name may be satisfied by what they bring.
        my $may_defer = @undecided;
        my ($name, $by) = @{$may_defer ? shift @undecided : shift @deferred};
        my @candidates = @{$providers->{$name} || []};
        if (!@candidates) { $missing{$name}{$by} = 1; next }
        my ($pick) = grep { $chosen{$_->{Package}} } @candidates;
        if (!$pick && @candidates > 1 && $may_defer) { push @deferred, [$name, $by]; next }
        $pick ||= $candidates[0];
        $wanted_by{$pick->{Package}}{$by} = 1;
        next if $chosen{$pick->{Package}};
        $chosen{$pick->{Package}} = $pick;
        push @undecided, map { [$_, full_name($pick) . "[$_]"] } requires($pick);
    }
    my @errors = (missing_lines(\%missing), conflict_lines(\%chosen, \%wanted_by));
    return ([], \@errors) if @errors;
    return (in_order(\%chosen, $providers), []);
}

sub missing_lines {
    my ($missing) = @_;
    return map {
        my ($first, @rest) = sort keys %{$missing->{$_}};
        ("  $_ (no such package):", "    required by: $first", map { ' ' x 17 . $_ } @rest);
    } sort keys %$missing;
}

# Two packages that provide one name in a version exclude each other; a package provides its own name so.
sub conflict_lines {
    my ($chosen, $wanted_by) = @_;
    my %provided;
    for my $package (map { $chosen->{$_} } sort keys %$chosen) {
        push @{$provided{$package->{Package}}}, [$package, $package->{Version}];
        push @{$provided{$_->[0]}}, [$package, $_->[1]] for grep { defined $_->[1] } list_field($package->{Provides});
    }
    my %against;
    for my $name (sort keys %provided) {
        for my $one (@{$provided{$name}}) {
            $against{$one->[0]{Package}}{full_name($_->[0]) . "[$name=$one->[1]]"} = 1 for grep { $_->[0] != $one->[0] } @{$provided{$name}};
        }
    }
    return map {
        (
            '  ' . full_name($chosen->{$_}) . ':',
            '    conflicts: ' . join("\n" . ' ' x 15, sort keys %{$against{$_}}),
            '    satisfies: ' . join("\n" . ' ' x 15, sort keys %{$wanted_by->{$_}}),
        )
    } sort keys %against;
}

# Dependencies before what needs them, else by name.
sub in_order {
    my ($chosen, $providers) = @_;
    my (%seen, @order);
    my $visit;
    $visit = sub {
        my ($package) = @_;
        return if $seen{$package->{Package}}++;
        for my $name (sort(requires($package))) {
            $visit->($_) for grep { $chosen->{$_->{Package}} } @{$providers->{$name} || []};
        }
        push @order, $package;
    };
    $visit->($chosen->{$_}) for sort keys %$chosen;
    return \@order;
}

1;
