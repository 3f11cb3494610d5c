# SPDX-License-Identifier: GPL-2.0-only
"""What a sandbox does before bubblewrap: mounts in a namespace of its own, the control group, the watcher.

A fixed script that gets everything as positional parameters; see :mod:`reviewbot.tools.sandbox`.
"""

# $1 is an existing directory to cover, then in any number "bind NAME SOURCE", "overlay NAME LOWER PLACE OPTIONS" and
# "watch NAME DIRECTORY", then "guard KIB FILES" and in any number "enter DIRECTORY" of a control group, then "run" and a
# command.  Overlays are mounted by way of binds
# so that no character of a path needs escaping in mount options.  The overlay's inner work directory
# has mode 0, which would keep an unprivileged owner from removing it (ovl_workdir_create()).
# The watcher ends the sandbox with SIGXFSZ, the signal of a file-size limit; its pipes are not ours,
# so nobody waits for it, and it goes when the sandbox goes.  It begins before the control group is entered: where it may
# start no process it sees nothing, and a fork bomb would be rid of it.  Files that are deleted and still open no
# directory shows, so it also looks at what is left of the file system: no less than the limit, or on a small one a
# quarter of what there was.
SCRIPT = r"""
set -eu
stage=$1; shift
mount -t tmpfs -o mode=0755,size=4m lab "$stage"
watched=""
while [ "$1" != guard ]; do
  case $1 in
  bind)
    if [ -d "$3" ]; then mkdir "$stage/$2"; else : > "$stage/$2"; fi
    mount --bind "$3" "$stage/$2"
    shift 3;;
  overlay)
    mkdir "$stage/$2" "$stage/$2.lower" "$stage/$2.place"
    mount --bind "$3" "$stage/$2.lower"
    mount --bind "$4" "$stage/$2.place"
    mount -t overlay -o \
      "lowerdir=$stage/$2.lower,upperdir=$stage/$2.place/upper,workdir=$stage/$2.place/work$5" \
      lab "$stage/$2"
    chmod 700 "$stage/$2.place/work/work"
    shift 5;;
  watch)
    mkdir "$stage/watch-$2"
    mount --bind "$3" "$stage/watch-$2"
    watched="$watched $stage/watch-$2"
    shift 3;;
  esac
done
limit=$2; most=$3; shift 3
left() { df -kP $watched | awk 'NR > 1 && (least == "" || $4 < least) { least = $4 } END { print least }'; }
if [ -n "$watched" ]; then
  reserve=$(($(left) / 4))
  [ "$reserve" -le "$limit" ] || reserve=$limit
  second=0
  while sleep 1 && kill -0 $$; do
    used=$(du -skc $watched | tail -n 1 | cut -f 1)
    free=$(left)
    [ "${used:-0}" -le "$limit" ] && [ "${free:-$reserve}" -ge "$reserve" ] || kill -XFSZ $$
    second=$((second + 1))
    [ $((second % 4)) = 0 ] || continue
    files=$(du -sc --inodes $watched | tail -n 1 | cut -f 1)
    [ "${files:-0}" -le "$most" ] || kill -XFSZ $$
  done </dev/null >/dev/null 2>&1 &
fi
while [ "$1" = enter ]; do
  echo 0 > "$2/cgroup.procs"
  shift 2
done
shift
echo 1000 > /proc/self/oom_score_adj
exec "$@"
"""
"""Run by ``sh -c SCRIPT sandbox PARAMETERS``."""
