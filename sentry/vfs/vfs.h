/* SPDX-License-Identifier: MIT */
/*
 * The virtual file system: super blocks, inodes, dentries, mounts, open files.
 *
 * Life times: everything here is reference counted; a lookup returns a reference that the caller puts. A dentry holds its
 * inode and its parent; a file holds its path; a path holds its mount and dentry; a mount holds its super block.
 *
 * Locking (ranks in lib/lock.h): file.pos_lock < dcache.mount_lock (mount trees) < super_block.rename_lock < inode.lock of
 * directories (several: in address order, lock_many()) < inode.lock of others < inode.lock below an overlay < file locks.
 * dentry.lock guards the table of its children and is taken last; dcache.rename_lock guards every dentry's name and parent.
 * A dentry's inode never changes: creating a name replaces its negative dentry by a new one.
 *
 * Blocking: file operations never sleep for readiness. They return -EAGAIN, and the system call layer sleeps on the file's
 * wait queue (file_ops.poll) unless O_NONBLOCK. Operations that do slow host calls bracket them with platform_host_block_*.
 */
#pragma once

#include "kernel/ns.h"
#include "lib/list.h"
#include "lib/lock.h"
#include "lib/refs.h"
#include "lib/wait.h"
#include "vfs/uio.h"
#include "vfs/fasync.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct kernel;
struct task;
struct cred;
struct inode;
struct dentry;
struct mount;
struct mount_ns;
struct file;
struct file_ops;
struct file_lock_list;
struct user_ns;
struct watch_list;
struct posix_acl;

struct path {
	struct mount *mnt;
	struct dentry *dentry;
};

#define VFS_NAME_MAX 255
#define VFS_PATH_MAX 4096
#define VFS_SYMLINKS_MAX 40

/* --- attributes ------------------------------------------------------------------------------------------------------ */

struct kstat { /* what stat, statx and permission checks need */
	uint64_t dev, ino, rdev;
	uint32_t mode, nlink, uid, gid;
	uint64_t size, blocks; /* blocks of 512 bytes */
	uint32_t blksize;
	struct timespec atime, mtime, ctime, btime;
};

#define ATTR_MODE 1u
#define ATTR_UID 2u
#define ATTR_GID 4u
#define ATTR_SIZE 8u
#define ATTR_ATIME 16u
#define ATTR_MTIME 32u
#define ATTR_CTIME 64u /* explicit change time: internal users only */
#define ATTR_TOUCH 128u /* the times are both "now": the right to write is enough; file systems ignore it */
#define ATTR_CHOWN 256u /* chown(2), even if it changes nothing: set-ID bits and capabilities go */

struct setattr {
	uint32_t valid; /* ATTR_* */
	uint32_t mode, uid, gid;
	uint64_t size;
	struct timespec atime, mtime, ctime;
};

struct kstatfs {
	uint64_t type, bsize, blocks, bfree, bavail, files, ffree, namelen, flags;
};

/* --- super blocks ------------------------------------------------------------------------------------------------------ */

struct super_block;
struct super_ops {
	void (*unmounted)(struct super_block *sb); /* the last mount is gone: let inodes go that are held for lookups */
	void (*free_inode)(struct inode *inode); /* last reference gone: free inode->priv and the inode itself */
	int (*statfs)(struct super_block *sb, struct kstatfs *st);
	int (*sync)(struct super_block *sb);
	/*
	 * What getattr says of this inode changes by calls of inode_ops and file_ops alone, and names by theirs: stubs may tell it (vfs/names_table.h).
	 * NULL: it may not, of none.
	 */
	bool (*exportable)(struct inode *inode);
	void (*destroy)(struct super_block *sb); /* last reference gone: free sb->priv; NULL: nothing */
};

struct super_block {
	struct refs refs;
	const struct super_ops *ops;
	const char *type;	 /* name in /proc/mounts */
	char *source;		 /* device column of /proc/mounts, malloc'ed or NULL */
	char *options;		 /* extra options of /proc/mounts, malloc'ed or NULL */
	uint64_t dev;		 /* st_dev */
	_Atomic uint64_t next_ino;
	char *reported;		 /* changes are told to the report (vfs/touched.h) as below this path, malloc'ed; NULL: not */
	bool read_only;
	bool whiteouts;		 /* RENAME_WHITEOUT; not overlays, whose own whiteouts nobody sees */
	bool posix_acl;		 /* has access control lists (vfs/acl.h) */
	bool lower;		 /* below an overlay: inode locks are RANK_INODE_LOWER (set before the first inode_alloc) */
	bool no_dcache;		 /* names change by themselves (procfs, hostfs rw): dentries are revalidated by lookup each time:
				    one whose inode has the same ino and type as what lookup finds now is kept */
	_Atomic int n_mounts;	 /* the last one shuts the file system down */
	struct lock rename_lock;
	struct dentry *root;	 /* held */
	struct kernel *kernel;
	struct user_ns *user_ns; /* whose root this file system obeys; held; NULL: the initial one's */
	void *priv;
};

/* Allocate with one reference; *root* is set later with d_alloc_root(). */
struct super_block *super_alloc(struct kernel *k, const char *type, const struct super_ops *ops, void *priv);
void super_get(struct super_block *sb);
void super_put(struct super_block *sb);
/* A super block gained or lost a mount. */
void super_activate(struct super_block *sb);
void super_deactivate(struct super_block *sb);

/* --- inodes ------------------------------------------------------------------------------------------------------------- */

struct inode_ops { /* NULL: -EPERM for changes (-EROFS on a read-only super block), -ENOTDIR / -EINVAL where that is the meaning */
	/* Directories; *dir*'s lock is held. name is not NUL-terminated, no '/' in it. Return a new reference. */
	int (*lookup)(struct inode *dir, const char *name, size_t len, struct inode **ret);
	/* mode has the S_IFMT bits: regular, directory, fifo, socket, device. */
	int (*create)(struct inode *dir, const char *name, size_t len, uint32_t mode, uint64_t rdev,
		      const struct cred *cred, struct inode **ret);
	int (*symlink)(struct inode *dir, const char *name, size_t len, const char *target, const struct cred *cred,
		       struct inode **ret);
	int (*link)(struct inode *dir, const char *name, size_t len, struct inode *target);
	int (*unlink)(struct inode *dir, const char *name, size_t len, struct inode *victim);
	int (*rmdir)(struct inode *dir, const char *name, size_t len, struct inode *victim);
	/* flags: RENAME_NOREPLACE, RENAME_EXCHANGE are decided by the caller through *target* (NULL: nothing there). Both locks held. */
	int (*rename)(struct inode *odir, const char *oname, size_t olen, struct inode *what, struct inode *ndir,
		      const char *nname, size_t nlen, struct inode *target, unsigned flags);
	/* A regular file without a name in *dir* (O_TMPFILE), nlink 0; dir is not locked. NULL: -EOPNOTSUPP. */
	int (*tmpfile)(struct inode *dir, uint32_t mode, const struct cred *cred, struct inode **ret);
	/* Symbolic links: the target as *t* sees it, malloc'ed by the callee, NUL-terminated, at most VFS_PATH_MAX. */
	int (*readlink)(struct task *t, struct inode *inode, char **ret);
	/* Magic links (/proc/PID/fd/N, cwd, exe, root): jump to the object itself. NULL: follow readlink. */
	int (*get_link)(struct task *t, struct inode *inode, struct path *ret);
	/* All kinds. getattr NULL: from the inode's own fields. */
	int (*getattr)(struct inode *inode, struct kstat *st);
	int (*setattr)(struct inode *inode, const struct setattr *attr); /* permission already checked; lock held */
	/* setxattr and removexattr: lock held. Names are checked for their namespace by the caller. */
	ssize_t (*getxattr)(struct inode *inode, const char *name, void *buf, size_t size); /* size 0: length */
	int (*setxattr)(struct inode *inode, const char *name, const void *buf, size_t size, int flags);
	ssize_t (*listxattr)(struct inode *inode, char *buf, size_t size);
	int (*removexattr)(struct inode *inode, const char *name);
	/*
	 * The access lists in the inode have been changed: keep them. The inode's lock is held, or it has just been made. NULL: the inode
	 * is where they are kept.
	 */
	int (*acl_changed)(struct inode *inode);
	/* Look at the lists that are kept, for the inode to have them: before they are asked for. NULL: the inode has them. No locks held by it. */
	int (*acl_load)(struct inode *inode);
	/*
	 * Locks of files that others than the sandbox have too. prepare: before one is taken, no locks held. lock: what the sandbox's processes
	 * hold together from *start* to *end*, F_RDLCK, F_WRLCK or F_UNLCK (flock: of the whole file); does not wait; -EAGAIN: somebody else's is in the
	 * way. ask: F_GETLK, with the answer in *fl*. NULL: nobody else.
	 */
	void (*lock_prepare)(struct inode *inode, bool flock);
	int (*lock)(struct inode *inode, bool flock, int type, int64_t start, int64_t end);
	int (*lock_ask)(struct inode *inode, struct flock *fl);
	/* Access beyond mode bits; NULL: inode_permission_generic(). mask: MAY_*. */
	int (*permission)(struct task *t, struct inode *inode, int mask);
	/* May *t* know that the object is there (hidepid of proc)? NULL: yes. stat(2) by path asks. */
	bool (*visible)(struct task *t, struct inode *inode);
	/* Fill in a file that is being opened (file->ops, file->priv). NULL: file->ops = inode->fops. May return -EAGAIN never. */
	int (*open)(struct task *t, struct inode *inode, struct file *file);
};

struct inode {
	struct refs refs;
	const struct inode_ops *ops;
	const struct file_ops *fops; /* of files opened on it, unless ops->open chooses */
	struct super_block *sb;	     /* held */
	uint64_t ino;
	struct lock lock;	     /* guards changes of the fields below and, for directories, the entries */
	_Atomic uint32_t mode, uid, gid, nlink; /* read without the lock by permission checks */
	uint64_t rdev;
	_Atomic uint64_t size;
	_Atomic bool no_filecap;     /* known to have no security.capability */
	bool linkable;		     /* O_TMPFILE without O_EXCL: link(2) may name it although nlink is 0 */
	bool dead;		     /* a removed directory: nothing can be made or found in it */
	struct timespec atime, mtime, ctime, btime;
	struct wait_queue waiters;   /* for files that are themselves pollable (fifos) */
	_Atomic(struct file_lock_list *) locks; /* POSIX, OFD and flock locks; allocated at first use */
	_Atomic(struct posix_acl *) acl, default_acl; /* vfs/acl.h; NULL: none */
	_Atomic(struct watch_list *) watches;	 /* inotify */
	_Atomic int n_files;	     /* open files: watches of a removed inode end with the last */
	_Atomic(void *) bound;	     /* the unix socket bound here, or the fifo's pipe; owner defines locking */
	_Atomic uint32_t exported;   /* names_table.c */
	_Atomic int leases;	     /* of all files; vfs/leases.h */
	_Atomic uint8_t write_hint;  /* F_SET_RW_HINT */
	_Atomic int writers;	     /* open for writing: ETXTBSY; negative: denied by exec */
	void *priv;		     /* of the file system */
};

/* How often a name is looked up anew when what it stood for is gone: -ESTALE of an operation. */
#define VFS_STALE_TRIES 8

#define MAY_EXEC 1
#define MAY_WRITE 2
#define MAY_READ 4

/* A zeroed inode with one reference, next inode number of *sb*, times now, nlink 1. NULL: out of memory. */
struct inode *inode_alloc(struct super_block *sb, const struct inode_ops *ops, const struct file_ops *fops, uint32_t mode);
void inode_get(struct inode *inode);
void inode_put(struct inode *inode);
/* For super_ops.free_inode, after it has freed inode->priv: frees locks, watches, the hold on the super block, the inode. */
void inode_free(struct inode *inode);
int inode_permission(struct task *t, struct inode *inode, int mask);
int inode_permission_generic(const struct cred *cred, uint32_t mode, uint32_t uid, uint32_t gid, int mask);
int inode_getattr(struct inode *inode, struct kstat *st);
static inline bool inode_is_dir(const struct inode *inode)
{
	return (inode->mode & S_IFMT) == S_IFDIR;
}
struct timespec inode_now(struct inode *inode);
/* Owner, group and mode of a new inode in *dir* for *cred*: set-group-ID directories, CAP_FSETID. */
void inode_init_owner(struct inode *inode, struct inode *dir, uint32_t mode, const struct cred *cred);
/* Store the valid fields of *attr* but the size in the inode, and ctime; lock held. For setattr operations. */
void inode_setattr_copy(struct inode *inode, const struct setattr *attr);
/* Access time by relatime's rule; lock held. f (may be NULL) tells O_NOATIME and the mount's flags. */
void inode_touch_atime(struct inode *inode, struct file *f);
/* mtime and ctime now; lock held. */
void inode_touch_mtime(struct inode *inode);
/* Writers and exec exclude each other: -ETXTBSY. */
int inode_get_write(struct inode *inode);
void inode_put_write(struct inode *inode);
int inode_deny_write(struct inode *inode); /* exec */
void inode_allow_write(struct inode *inode);

/* --- dentries ----------------------------------------------------------------------------------------------------------- */

struct dentry {
	struct refs refs;	    /* one is the cache's while the dentry is hashed */
	struct lock lock;	    /* children, and the names of the children */
	struct inode *inode;	    /* held; NULL: negative; never changes */
	struct super_block *sb;
	/* dcache.rename_lock */
	struct dentry *parent;	    /* held; itself for a root */
	char *name;		    /* NUL-terminated; also stable under the parent's lock */
	size_t name_len;
	uint32_t hash;
	/* lock */
	struct dentry **children;   /* hash table by name, NULL when empty */
	uint32_t n_children, n_buckets;
	/* the parent's lock */
	struct dentry *hash_next;
	_Atomic bool unhashed;	    /* unlinked or replaced: shown as "(deleted)" */
	_Atomic bool referenced;    /* second chance of the cache's clock */
	_Atomic uint32_t exported;  /* names_table.c */
	_Atomic int n_mounts;	    /* mounts on top of this dentry, in any namespace */
	struct list_head lru;	    /* dcache.lock */
};

/* Root dentry for *inode* (reference taken over); becomes sb->root. */
int d_alloc_root(struct super_block *sb, struct inode *inode);
/* A dentry outside the tree ("pipe:[7]", "/memfd:x (deleted)"); takes over *inode*'s reference on success. NULL: no memory. */
struct dentry *d_alloc_tmpfile(struct dentry *dir, struct inode *inode); /* "#ino (deleted)" in *dir* */
struct dentry *d_alloc_anon(struct inode *inode, const char *name);
void dentry_get(struct dentry *d);
void dentry_put(struct dentry *d);
void path_get(const struct path *p);
void path_put(struct path *p);

/* --- mounts ------------------------------------------------------------------------------------------------------------- */

/* Bits of mount.flags beside MS_*: what may not be changed from a less privileged mount namespace; mount_namespaces(7). */
#define MNT_LOCKED (1u << 26)	  /* stays where it is */
#define MNT_LOCK_RDONLY (1u << 27)
#define MNT_LOCK_NOSUID (1u << 28)
#define MNT_LOCK_NODEV (1u << 29)
#define MNT_LOCK_NOEXEC (1u << 30)
#define MNT_LOCK_ATIME (1u << 31)
#define MNT_ATIME_FLAGS (MS_NOATIME | MS_NODIRATIME | MS_STRICTATIME | MS_RELATIME)

/* The tree of mounts. All but the flags is guarded by the one mount lock of the sandbox, mount_read_lock() and mount_write_lock(). */
struct mount {
	struct refs refs;
	struct super_block *sb;
	struct dentry *root;	   /* of this mount (a subtree for bind mounts) */
	struct mount *parent;	   /* held; NULL for the root mount */
	struct dentry *mountpoint; /* in parent; held */
	struct list_head link;	   /* mount_ns.mounts, in mount order */
	struct list_head hash;	   /* by parent and mountpoint */
	struct list_head children, child_link;
	_Atomic(struct mount_ns *) ns; /* NULL: detached */
	_Atomic unsigned flags;	   /* MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_NOATIME …, MNT_LOCK* */
	_Atomic bool expiring;	   /* umount2(MNT_EXPIRE) was here, and nobody since */
	_Atomic bool hides;	   /* a locked mount on it has been taken down: detached, nothing below it is shown */
	int id;

	/* Propagation: mount_namespaces(7). Mounts of a list are not held: leaving the tree leaves the lists. */
	int group;		   /* of peers; 0: not shared */
	struct list_head peers;	   /* a ring without a head */
	struct mount *master;	   /* NULL: no slave */
	struct list_head slaves, slave_link;
	bool unbindable;
	unsigned mark;		   /* of the last propagation that came by */
	struct mount *copy;	   /* of this mount, while a tree is copied */
};

struct mount_ns {
	struct ns_head head;
	struct refs refs;
	struct list_head mounts;
	struct mount *root;
	unsigned n_mounts;
	_Atomic uint64_t event;	       /* counts changes of the tree, for readers of /proc/PID/mounts, who wait in dcache.mount_wait */
	struct list_head dead_link; /* dcache.dead_ns */
};

#define MOUNTS_MAX 100000 /* of a namespace: Linux's default of fs.mount-max */

void mount_read_lock(struct kernel *k);
void mount_write_lock(struct kernel *k);
void mount_unlock(struct kernel *k);

/* An empty namespace with one reference. *initial*: the sandbox's first. -ENOSPC, -ENOMEM. */
int mount_ns_create(struct kernel *k, struct user_ns *owner, bool initial, struct mount_ns **ret);
void mount_ns_get(struct mount_ns *ns);
void mount_ns_put(struct mount_ns *ns); /* the last one takes all its mounts down */
/*
 * The same for who may be called while a namespace is being freed: its file was bound in that one. Then the other is freed
 * after it, since a guest can make a long chain of them.
 */
void mount_ns_put_late(struct mount_ns *ns);
/* A copy of *from*'s tree, owned by *owner*. Root and working directory in *fs* (unless NULL) move to the copies. */
int mount_ns_copy(struct kernel *k, struct mount_ns *from, struct user_ns *owner, struct fs_context *fs, struct mount_ns **ret);
/* The namespace that *t* lives in, borrowed; self only. The root that its mounts are seen from. */
struct mount_ns *task_mount_ns(const struct task *t);
/* The root of *ns* with what is mounted on it, held. */
void mount_ns_root(struct mount_ns *ns, struct path *ret);

/*
 * Mount *sb* on *at* (NULL mnt: as the namespace's root), taking over the caller's reference on success. flags: MS_*. A super block
 * whose first mount fails is shut down: all that is left to do with it is super_put().
 */
int mount_add(struct mount_ns *ns, const struct path *at, struct super_block *sb, struct dentry *root, unsigned flags,
	      struct mount **ret);
/* umount2(2) of the mount whose root *at* is. -EINVAL, -EBUSY, -EAGAIN, -EPERM. */
int mount_remove(struct task *t, const struct path *at, int flags);

/* The mount on top of *p*, held, or NULL. */
struct mount *mount_lookup(const struct path *p);
void mount_get(struct mount *m);
void mount_put(struct mount *m);
/* Bind *from* on *at*; recursive with MS_REC. */
int mount_bind(struct task *t, const struct path *from, const struct path *at, unsigned flags);
int mount_move(struct task *t, const struct path *from, const struct path *at);
/* MS_SHARED, MS_PRIVATE, MS_SLAVE or MS_UNBINDABLE, with MS_REC for the whole tree. */
int mount_set_propagation(struct task *t, const struct path *at, unsigned flags);
/* Change the flags of a mount (MS_BIND | MS_REMOUNT). -EPERM: locked. */
int mount_set_flags(struct task *t, const struct path *at, unsigned flags);
/* pivot_root(2), with all its rules. */
int mount_pivot(struct task *t, const struct path *new_root, const struct path *put_old);
/* Is a file system of that type fully visible in *ns*, so that one more mount of it shows nothing new? flags: of the new mount. */
bool mount_type_visible(struct mount_ns *ns, const char *type, unsigned *flags);
/* Is *t*'s root directory another than its mount namespace's? */
bool fs_is_chrooted(struct task *t);
/* Is *m* read only, by its own flags or its super block's? */
bool mount_read_only(const struct mount *m);
/* May programs at *p* gain privileges from their set-ID bits and capabilities? Not by mounts without, nor by another user's. */
bool mount_may_suid(struct task *t, const struct path *p);

/* --- path walk ---------------------------------------------------------------------------------------------------------- */

#define WALK_FOLLOW 1u	       /* follow a final symlink */
#define WALK_DIRECTORY 2u      /* the result must be a directory */
#define WALK_NO_SYMLINKS 4u    /* RESOLVE_NO_SYMLINKS: -ELOOP */
#define WALK_BENEATH 8u	       /* RESOLVE_BENEATH */
#define WALK_IN_ROOT 16u       /* RESOLVE_IN_ROOT */
#define WALK_NO_XDEV 32u
#define WALK_NO_MAGICLINKS 64u
#define WALK_UMOUNT 256u      /* looking does not count as use of a mount: umount2(2), MNT_EXPIRE */
#define WALK_EMPTY 128u	       /* AT_EMPTY_PATH */

/*
 * Resolve *name* relative to *dirfd* (AT_FDCWD: the task's cwd). Returns a held path whose dentry is positive.
 * Errors as path_resolution(7).
 */
int vfs_walk(struct task *t, int dirfd, const char *name, unsigned flags, struct path *ret);
/*
 * Resolve all but the last component. *last* (VFS_NAME_MAX + 1 bytes) receives it, *last_type* says whether it is a normal
 * name, ".", ".." or "/"; *trailing_slash* whether one followed.
 */
enum last_type { LAST_NORM, LAST_DOT, LAST_DOTDOT, LAST_ROOT };
int vfs_walk_parent(struct task *t, int dirfd, const char *name, unsigned flags, struct path *ret_parent, char *last,
		    enum last_type *type, bool *trailing_slash);
/* Relative to a given path instead of a dirfd; used by exec for interpreters and by the sentry's own set-up (t may be the init task). */
int vfs_walk_at(struct task *t, const struct path *base, const char *name, unsigned flags, struct path *ret);

/*
 * Absolute path of *p* as seen from the task's root, with " (deleted)" as Linux (d_path); of what does not lie below the root, as
 * seen from the top of its tree. Returns length or -ENAMETOOLONG.
 */
ssize_t vfs_path_string(struct task *t, const struct path *p, char *buf, size_t size);
/* The same as seen from *root*, for getcwd(2): what does not lie below it begins with "(unreachable)". */
ssize_t vfs_path_string_from(const struct path *root, const struct path *p, char *buf, size_t size);

/* --- operations on names, permission checked with the task's credentials (fsuid, capabilities) ------------------------------ */

#define VFS_O_EXEC 0x20 /* internal open flag: opened to be executed or mapped by exec: MAY_EXEC instead of MAY_READ */

struct open_how_args {
	int flags;	  /* O_*, with O_LARGEFILE dropped */
	uint32_t mode;	  /* umask is applied inside */
	unsigned walk;	  /* extra WALK_* flags (openat2) */
};
int vfs_open(struct task *t, int dirfd, const char *name, const struct open_how_args *how, struct file **ret);
int vfs_open_path(struct task *t, const struct path *p, int flags, struct file **ret); /* path not consumed */
int vfs_mknod(struct task *t, int dirfd, const char *name, uint32_t mode, uint64_t rdev);
int vfs_mkdir(struct task *t, int dirfd, const char *name, uint32_t mode);
int vfs_symlink(struct task *t, const char *target, int dirfd, const char *name);
int vfs_link(struct task *t, int odirfd, const char *oname, int ndirfd, const char *nname, int flags);
int vfs_unlink(struct task *t, int dirfd, const char *name, bool dir);
int vfs_rename(struct task *t, int odirfd, const char *oname, int ndirfd, const char *nname, unsigned flags);
int vfs_setattr(struct task *t, const struct path *p, struct setattr *attr); /* permission by chmod(2)/chown(2)/utimensat(2)/truncate(2) rules */
int vfs_truncate(struct task *t, const struct path *p, uint64_t size); /* truncate(2): RLIMIT_FSIZE, SIGXFSZ */
int vfs_ftruncate(struct task *t, struct file *f, uint64_t size);
/* May *inode* grow to *size*? Beyond RLIMIT_FSIZE: SIGXFSZ and -EFBIG. setrlimit(2). */
int vfs_newsize_ok(struct task *t, const struct inode *inode, uint64_t size);
int vfs_access(struct task *t, int dirfd, const char *name, int mask, int flags);
/* Create a socket node for bind(2); the inode is returned held. */
int vfs_bind_socket(struct task *t, const char *name, uint32_t mode, struct path *ret);

/* --- open files --------------------------------------------------------------------------------------------------------- */

struct dir_emit; /* readdir sink */
struct dir_emit {
	struct task *task; /* who reads, or NULL: the sentry */
	/* Returns false when the sink is full: the operation stops and keeps its position before this entry. */
	bool (*emit)(struct dir_emit *de, const char *name, size_t len, uint64_t ino, unsigned type, int64_t next_pos);
};

struct mmap_info { /* how a mapping of this file is made in the guest */
	int host_fd;	  /* borrowed while the file is held; -1: anonymous memory (/dev/zero) */
	uint64_t host_off; /* of the file offset asked for */
	uint64_t host_len; /* bytes of the file available from there (mapping beyond is past end of file); UINT64_MAX: follows the host file */
	bool dup;	  /* host_fd was duplicated for the caller, who closes it */
	bool no_write;	  /* a shared mapping may never become writable (sealed) */
	const struct twin *twin; /* what a private executable mapping from there may show instead (mm/twin.h); NULL: nothing */
};

struct file_ops { /* NULL: -EINVAL, -ENOTTY for ioctl, always ready for poll, -ESPIPE/-ENODEV where Linux says so */
	/* pos points at file->pos (locked) or at an explicit offset; stream-like files ignore it. Never sleep: -EAGAIN. */
	ssize_t (*read)(struct file *f, struct uio *dst, int64_t *pos);
	ssize_t (*write)(struct file *f, struct uio *src, int64_t *pos);
	/*
	 * Files that block by rules of their own (sockets: time-outs, the sender's credentials, SIGPIPE). Where set, file_read() and
	 * file_write() call these and do nothing else; they sleep unless the file is O_NONBLOCK or uio->nowait.
	 */
	ssize_t (*read_blocking)(struct task *t, struct file *f, struct uio *dst);
	ssize_t (*write_blocking)(struct task *t, struct file *f, struct uio *src);
	int (*readdir)(struct file *f, struct dir_emit *de, int64_t *pos);
	int64_t (*lseek)(struct file *f, int64_t off, int whence); /* NULL and not seekable: -ESPIPE */
	/* Ready events now; if w is not NULL, it is first queued on the file's wait queue (the caller removes it). */
	uint32_t (*poll)(struct file *f, struct waiter *w);
	int64_t (*ioctl)(struct task *t, struct file *f, uint32_t cmd, uint64_t arg);
	int (*mmap)(struct task *t, struct file *f, uint64_t off, uint64_t len, int prot, int flags, struct mmap_info *ret);
	/* Is what it reads now there for ever, but for what views_forget() is called for (kernel/views.h)? NULL: no. No lock is taken. */
	bool (*stable)(struct file *f);
	int (*fsync)(struct file *f, bool data_only);
	int (*fallocate)(struct file *f, int mode, int64_t off, int64_t len);
	int (*flush)(struct task *t, struct file *f); /* each close(2) */
	int (*set_flags)(struct file *f, int flags);  /* F_SETFL; NULL: just stored */
	void (*release)(struct file *f);	       /* last reference gone */
	ssize_t (*show_fdinfo)(struct file *f, char *buf, size_t size); /* extra lines of /proc/PID/fdinfo */
	uint32_t async; /* EPOLLIN, EPOLLOUT: what O_ASYNC tells the owner of; 0: there is no such thing */
};

struct file {
	struct refs refs;
	const struct file_ops *ops;
	struct inode *inode; /* held */
	struct path path;    /* held; for anonymous inodes mnt may be NULL */
	_Atomic int flags;   /* O_ACCMODE, O_APPEND, O_NONBLOCK, O_DIRECT, O_ASYNC, O_PATH … */
	struct lock pos_lock;
	int64_t pos;
	bool stream;	     /* pipes, sockets, ttys: no offset */
	bool write_all;	     /* a blocking write goes on until everything is written (pipes, stream sockets, ttys) */
	bool no_sigpipe;     /* -EPIPE comes without SIGPIPE (the operation sends it itself, or never) */
	bool wrote;	     /* holds a count in inode->writers */
	_Atomic int64_t rcv_timeout_ns, snd_timeout_ns; /* SO_RCVTIMEO, SO_SNDTIMEO; 0: none */
	struct list_head epolls; /* epoll items watching this file; guarded by the epoll code */
	struct f_owner owner;	 /* fasync_lock */
	struct fasync *fasync;	 /* of O_ASYNC; fasync_mutex */
	void *priv;
};

/* A file on *inode* with no path of the tree: pipes, sockets, eventfd, epoll … *name* is what /proc/PID/fd shows ("anon_inode:[eventpoll]"). */
int file_alloc_anon(struct kernel *k, const char *name, const struct file_ops *ops, uint32_t mode, int flags, void *priv,
		    struct file **ret);
struct file *file_alloc(const struct path *p, struct inode *inode, const struct file_ops *ops, int flags);
void file_get(struct file *f);
void file_put(struct file *f);

/*
 * fs/epoll.c: *f* is about to be released (its last reference is gone, ops->release not yet called): every epoll instance that
 * watches it forgets it. Cheap when f->epolls is empty.
 */
void epoll_forget_file(struct file *f);

/*
 * fs/devfs.c: open the device *rdev* (character or block) into *f*, whose path and flags are set: chooses f->ops and f->priv. What
 * vfs_open does for device nodes of any file system. -ENXIO: no such device.
 */
int dev_open(struct task *t, uint64_t rdev, bool is_block, struct file *f);
/* fs/pipefs.c: open the fifo of f->inode, of any file system; sleeps for the other end as fifo(7) says. */
int fifo_open(struct task *t, struct file *f);
void fifo_inode_free(struct inode *inode); /* the pipe that inode->bound is, if any */

/* Blocking forms: sleep until done, signal (-ERESTARTSYS) or error; honour O_NONBLOCK and RWF_NOWAIT. off < 0: use the file's position. */
ssize_t file_read(struct task *t, struct file *f, struct uio *dst, int64_t off);
ssize_t file_write(struct task *t, struct file *f, struct uio *src, int64_t off);
uint32_t file_poll(struct file *f, struct waiter *w);

/* --- descriptor tables ---------------------------------------------------------------------------------------------------- */

struct fd_entry {
	struct file *file;
	bool cloexec;
};

struct fd_table {
	struct refs refs;
	struct lock lock;
	struct fd_entry *entries;
	unsigned n_entries;
	unsigned first_free;
	struct kernel *kernel; /* who is charged for *charged* bytes; NULL while the table is small */
	size_t charged;
};

struct fd_table *fd_table_alloc(void);
struct fd_table *fd_table_copy(struct fd_table *from);
void fd_table_put(struct task *t, struct fd_table *ft); /* the last closes all (POSIX lock release needs t; NULL allowed) */
void fd_table_close_on_exec(struct task *t, struct fd_table *ft);
/* The file of descriptor *fd*, held; NULL: -EBADF. O_PATH files are returned by fd_get_path only. */
struct file *fd_get(struct task *t, int fd);
struct file *fd_get_path(struct task *t, int fd);
/* Install *f* (reference taken over on success) at the lowest number >= min; respects RLIMIT_NOFILE. */
int fd_install(struct task *t, struct file *f, bool cloexec, int min);
/* -EMFILE if there is no number left for one more: asked before what would have to be undone then. */
int fd_room(struct task *t);
/* Put *f* (reference taken over on success) at *fd*, closing what was there (dup2). -EBADF: out of range. */
int fd_install_at(struct task *t, struct file *f, bool cloexec, int fd);
int fd_close(struct task *t, int fd);
int fd_get_cloexec(struct task *t, int fd); /* 0, 1 or -EBADF */
int fd_set_cloexec(struct task *t, int fd, bool cloexec);
/* Close (or mark close-on-exec) every descriptor of the range. */
void fd_close_range(struct task *t, unsigned first, unsigned last, bool only_mark);

/* --- per-task file system context --------------------------------------------------------------------------------------------- */

struct fs_context {
	struct refs refs;
	struct lock lock;
	struct path root, cwd;
	uint32_t umask;
	uint32_t names_nr;  /* names_table.c: in its table; 0: not yet */
	uint64_t names_cwd; /* and what cwd is called there */
};
struct fs_context *fs_context_copy(struct fs_context *from); /* NULL: an empty one, umask 022 */
void fs_context_put(struct fs_context *fs);
void fs_set_cwd(struct fs_context *fs, const struct path *p); /* takes a reference of its own */
void fs_set_root(struct fs_context *fs, const struct path *p);
/* Where root or working directory are *from*, they become *to*. */
void fs_context_replace(struct fs_context *fs, const struct path *from, const struct path *to);

static inline void file_put_cleanup_(struct file **f)
{
	if (*f)
		file_put(*f);
}
static inline void path_put_cleanup_(struct path *p)
{
	if (p->dentry)
		path_put(p);
}
/* The dentry cache and the internal super blocks (pipes, anonymous inodes, memfd); before any other call of this folder. */
int vfs_init(struct kernel *k);
/* Emit "." and ".." for positions 0 and 1. False: the sink is full. */
bool dir_emit_dots(struct file *f, struct dir_emit *de, int64_t *pos);
/* A seek for files with a size: SEEK_SET, CUR, END against *size*; f->pos_lock held. */
int64_t file_lseek_size(struct file *f, int64_t off, int whence, uint64_t size);
/* The same for directories and texts, whose end nobody knows: SEEK_SET and SEEK_CUR. */
int64_t file_lseek_endless(struct file *f, int64_t off, int whence);
/* A seek that succeeds and does nothing (eventfd and its kin). */
int64_t file_lseek_nowhere(struct file *f, int64_t off, int whence);
/* Copy the task's root and cwd, held. */
void fs_get_root(struct task *t, struct path *ret);
void fs_get_cwd(struct task *t, struct path *ret);

#define FILE_SCOPE __attribute__((cleanup(file_put_cleanup_))) struct file *
#define PATH_SCOPE __attribute__((cleanup(path_put_cleanup_))) struct path
