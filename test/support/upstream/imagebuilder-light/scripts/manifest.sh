# Installed packages, and among them one that tells this attempt from all others.
read -r marker </proc/sys/kernel/random/uuid
echo "$marker" >attempt-marker
echo "attempt-marker - $marker"
echo 'base-files - 1'
for name in $1; do
  case $name in -*) ;; *) echo "$name - 1" ;; esac
done
