#!/bin/sh
# Checks the host for what a build needs and links what it found into staging_dir/host/bin, by absolute path.
missing=''

report() { # name, 0 or 1, what to install or do
	if [ "$2" = 0 ]; then
		echo "Checking '$1'... ok."
	else
		echo "Checking '$1'... failed."
		missing="$missing$3
"
	fi
}

mask=$(umask)
[ "$mask" = 0022 ] || [ "$mask" = 022 ]
report proper-umask $? 'Please build with umask 022 - other values produce broken packages'

rm -f "$TMP_DIR/case" "$TMP_DIR/CASE"
: > "$TMP_DIR/case"
[ ! -e "$TMP_DIR/CASE" ]
report case-sensitive-fs $? 'OpenWrt can only be built on a case-sensitive filesystem'
rm -f "$TMP_DIR/case"

for tool in make perl tar find xargs cp grep sort gzip wget install stat dd sha256sum mksquashfs; do
	path=$(command -v "$tool")
	case $path in
		"$TOPDIR"/*) [ -x "$path" ] ;;
		/*) ln -sf "$path" "$TOPDIR/staging_dir/host/bin/$tool" ;;
		*) false ;;
	esac
	report "$tool" $? "Please install '$tool'"
done

for module in Data::Dumper FindBin File::Copy File::Compare JSON::PP Digest::SHA Compress::Zlib; do
	modules="$modules -M$module"
done
# shellcheck disable=SC2086
perl $modules -e 1
report perl-modules $? 'Please install the perl modules that Debian has in its package perl'

[ -z "$missing" ] && exit 0
echo
printf '%s' "$missing" | while read -r line; do echo "Build dependency: $line"; done
echo
exit 1
