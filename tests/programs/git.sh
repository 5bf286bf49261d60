# git: init, add, commit, log, branch, merge, clone of a local repository.
set -e
export GIT_AUTHOR_NAME=T GIT_AUTHOR_EMAIL=t@example.org GIT_COMMITTER_NAME=T GIT_COMMITTER_EMAIL=t@example.org
export GIT_AUTHOR_DATE='2001-01-01T00:00:00Z' GIT_COMMITTER_DATE='2001-01-01T00:00:00Z' GIT_CONFIG_NOSYSTEM=1
git init -q -b main r; cd r
for i in $(seq 1 50); do mkdir -p d$((i % 7)); echo "file $i" >d$((i % 7))/f$i; done
git add .; git commit -qm first; git log --oneline; git status --short
echo change >>d1/f1; git diff --stat; git commit -qam second; git log --format='%h %s'
git checkout -qb side HEAD~1; echo other >new; git add new; git commit -qm side; git checkout -q main; git merge -q -m merged side; git log --oneline | wc -l
git tag v1; git describe; git ls-files | wc -l; git rev-parse HEAD; git fsck --no-progress; git gc -q; git count-objects | cut -d' ' -f1
cd ..; git clone -q r c; cd c; git log -1 --format=%s; git show --stat HEAD~1 | tail -1; git grep -c 'file 1' | sort | head -3; git stash list
echo x >d1/f1; git stash -q; git stash pop -q; git diff | tail -1; git reset -q --hard; git blame -s d1/f1 | head -1; git archive HEAD | tar tf - | wc -l
