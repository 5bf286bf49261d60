# Users inside, as root of the sandbox (or of a user namespace): identity changes that both sides allow.
id -u; umask; touch f; stat -c '%u:%g' f; setpriv --no-new-privs true && echo nnp
