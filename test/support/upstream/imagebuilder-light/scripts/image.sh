# Takes 50 to 500 ms, longer with knob-slow-<seconds>, and writes two images whose every line bears the attempt's marker.
profile=$1 packages=$2 extra=$3 out=$4
. ./names.sh
read -r marker <attempt-marker
echo "Building images for $target"
echo "attempt marker $marker"

drawn=$(printf '%s' "$packages" | cksum)
delay_ms=$((${drawn%% *} % 451 + 50))
for name in $packages; do
  case $name in
    knob-slow-*) delay_ms=$((${name#knob-slow-} * 1000)) ;;
    knob-fail) fails=1 ;;
  esac
done
sleep "$((delay_ms / 1000)).$(printf '%03d' $((delay_ms % 1000)))"
if [ "${fails-}" ]; then
  echo 'this build was asked to fail' >&2
  exit 2
fi

cd "$out" || exit
images=
for kind in kernel rootfs; do
  file=$prefix-$extra-$profile-$kind.bin
  yes "$marker $kind $profile $packages" | head -c "$image_bytes" >"$file"
  sum=$(sha256sum "$file")
  images="$images${images:+,}{\"name\":\"$file\",\"type\":\"$kind\",\"filesystem\":\"squashfs\",\"sha256\":\"${sum%% *}\"}"
done
cat >profiles.json <<END
{"metadata_version":1,"target":"$target","arch_packages":"$arch_packages","version_code":"$version_code","version_number":"$version_number","source_date_epoch":$source_date_epoch,"attempt_marker":"$marker","profiles":{"$profile":{"titles":[],"images":[$images]}}}
END
echo 'Calculating checksums...'
sha256sum --binary -- *.bin profiles.json >sha256sums
