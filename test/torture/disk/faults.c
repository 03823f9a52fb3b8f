/*
 * A fault layer between a process and the files below one directory (LD_PRELOAD, glibc on Linux).
 *
 * LACRE_FAULTS_ROOT     only files below it are looked at
 * LACRE_FAULTS_CONTROL  a file of struct control, mapped: which call fails, and how many of each kind were made
 * LACRE_FAULTS_JOURNAL  optional: what was done since the last sync, so that a loss of power can be acted out afterwards
 * LACRE_FAULTS_KEEP     with the journal: a directory of the same file system that keeps files which lost their last name
 *
 * libuv closes descriptors by a raw system call, so a descriptor counts as ours only while it is the inode it was opened as.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { WRITE, SYNC, RENAME, TRUNCATE, MKDIR, UNLINK, OPEN, KINDS };

struct control {
  uint32_t kind; /* which kind fails */
  uint32_t when; /* its how-manieth call from now on; 0: none */
  uint32_t error; /* errno */
  uint32_t reached; /* how often a call was made to fail */
  uint32_t counts[KINDS];
};

/* One record of the journal; `old` and `new` follow it. Paths are relative to the root. */
struct record {
  uint32_t type;
  uint32_t kept; /* number of the file in the keep directory, plus 1 */
  uint64_t inode;
  uint64_t offset;
  uint64_t size; /* of the file, before */
  uint32_t old_length;
  uint32_t new_length;
};

enum { DATA = 1, CUT, SYNCED, CREATED, RENAMED, UNLINKED, MADE };

#define FDS 65536
static struct { ino_t inode; dev_t device; } files[FDS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct control none, *control = &none;
static char root[PATH_MAX], keep[PATH_MAX];
static size_t root_length;
static int journal = -1;
static uint32_t kept_count;

#define REAL(name) ((__typeof__(&name))real(#name))
static void *real(const char *name) {
  void *found = dlsym(RTLD_NEXT, name);
  if (found == NULL) abort();
  return found;
}

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("LACRE_FAULTS_ROOT");
  if (path == NULL) return;
  root_length = strlen(path);
  memcpy(root, path, root_length + 1);
  path = getenv("LACRE_FAULTS_CONTROL");
  if (path != NULL) {
    int fd = REAL(open)(path, O_RDWR | O_CLOEXEC);
    void *at = mmap(NULL, sizeof none, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) abort();
    control = at;
  }
  /* What this process starts is not looked at: it has no files of the root to write. */
  unsetenv("LD_PRELOAD");
  path = getenv("LACRE_FAULTS_JOURNAL");
  if (path == NULL) return;
  journal = REAL(open)(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (journal < 0) abort();
  snprintf(keep, sizeof keep, "%s", getenv("LACRE_FAULTS_KEEP"));
}

static const char *below(const char *path) {
  if (root_length == 0 || path == NULL || strncmp(path, root, root_length) != 0) return NULL;
  if (path[root_length] == 0) return ".";
  if (path[root_length] != '/') return NULL;
  size_t length = strlen(path);
  /* SQLite's index of the log is shared memory, made anew when it is opened first. */
  if (length > 4 && strcmp(path + length - 4, "-shm") == 0) return NULL;
  return path + root_length + 1;
}

/* Whether the call is to fail: errno is set then. */
static int fails(int kind) {
  uint32_t count = __atomic_add_fetch(&control->counts[kind], 1, __ATOMIC_SEQ_CST);
  if (control->when == 0 || control->kind != (uint32_t)kind || control->when != count) return 0;
  __atomic_add_fetch(&control->reached, 1, __ATOMIC_SEQ_CST);
  errno = (int)control->error;
  return 1;
}

static int ours(int fd, struct stat *now) {
  if (root_length == 0 || fd < 0 || fd >= FDS || files[fd].inode == 0) return 0;
  if (fstat(fd, now) == 0 && now->st_ino == files[fd].inode && now->st_dev == files[fd].device) return 1;
  files[fd].inode = 0;
  return 0;
}

static void put(struct record *record, const void *old, const struct iovec *fresh, int count) {
  struct iovec parts[IOV_MAX > 64 ? 64 : IOV_MAX];
  if (journal < 0) return;
  if (count > 60) abort();
  parts[0] = (struct iovec){record, sizeof *record};
  parts[1] = (struct iovec){(void *)old, record->old_length};
  for (int index = 0; index < count; index += 1) {
    parts[index + 2] = fresh[index];
    record->new_length += (uint32_t)fresh[index].iov_len;
  }
  size_t all = sizeof *record + record->old_length + record->new_length;
  if (REAL(writev)(journal, parts, count + 2) != (ssize_t)all) abort();
}

static void put_paths(uint32_t type, uint64_t inode, const char *from, const char *to, uint32_t kept) {
  struct record record = {.type = type, .inode = inode, .kept = kept};
  record.old_length = (uint32_t)strlen(from);
  struct iovec fresh = {(void *)to, strlen(to)};
  put(&record, from, &fresh, 1);
}

/* A second name for a file that is about to lose one; 0 where there is no such file. */
static uint32_t keep_file(const char *path) {
  char name[PATH_MAX + 16];
  if (journal < 0) return 0;
  snprintf(name, sizeof name, "%s/%u", keep, kept_count);
  if (REAL(link)(path, name) != 0) return 0;
  kept_count += 1;
  return kept_count;
}

static void put_cut(uint64_t inode, int fd, uint64_t from, uint64_t size, uint64_t to) {
  struct record record = {.type = CUT, .inode = inode, .offset = to, .size = size};
  size_t length = size > from ? size - from : 0;
  char *old = malloc(length + 1);
  if (old == NULL) abort();
  ssize_t got = length == 0 ? 0 : pread(fd, old, length, (off_t)from);
  record.old_length = got < 0 ? 0 : (uint32_t)got;
  put(&record, old, NULL, 0);
  free(old);
}

static int opened(int fd, const char *path, int flags, int existed) {
  struct stat now;
  const char *name = below(path);
  if (fd < 0 || fd >= FDS) return fd;
  files[fd].inode = 0;
  if (name == NULL || fstat(fd, &now) != 0) return fd;
  files[fd].inode = now.st_ino;
  files[fd].device = now.st_dev;
  if ((flags & O_CREAT) != 0 && !existed) put_paths(CREATED, now.st_ino, "", name, 0);
  return fd;
}

static int open_file(int dir, const char *path, int flags, mode_t mode) {
  int existed, fd;
  if (below(path) == NULL) {
    fd = REAL(openat)(dir, path, flags, mode);
    if (fd >= 0 && fd < FDS) files[fd].inode = 0;
    return fd;
  }
  pthread_mutex_lock(&lock);
  existed = faccessat(AT_FDCWD, path, F_OK, 0) == 0;
  if ((flags & O_CREAT) != 0 && !existed && fails(OPEN)) {
    pthread_mutex_unlock(&lock);
    return -1;
  }
  if ((flags & O_TRUNC) != 0 && (flags & O_EXCL) == 0 && existed && journal >= 0) {
    int before = REAL(open)(path, O_RDONLY | O_CLOEXEC);
    struct stat now;
    if (before >= 0 && fstat(before, &now) == 0) put_cut(now.st_ino, before, 0, (uint64_t)now.st_size, 0);
    if (before >= 0) REAL(close)(before);
  }
  fd = opened(REAL(openat)(dir, path, flags, mode), path, flags, existed);
  pthread_mutex_unlock(&lock);
  return fd;
}

#define MODE(flags)                                  \
  mode_t mode = 0;                                   \
  if (((flags) & (O_CREAT | O_TMPFILE)) != 0) {      \
    va_list rest;                                    \
    va_start(rest, flags);                           \
    mode = va_arg(rest, mode_t);                     \
    va_end(rest);                                    \
  }

int open(const char *path, int flags, ...) {
  MODE(flags)
  return open_file(AT_FDCWD, path, flags, mode);
}
int open64(const char *path, int flags, ...) {
  MODE(flags)
  return open_file(AT_FDCWD, path, flags | O_LARGEFILE, mode);
}
int openat(int dir, const char *path, int flags, ...) {
  MODE(flags)
  return open_file(dir, path, flags, mode);
}
int openat64(int dir, const char *path, int flags, ...) {
  MODE(flags)
  return open_file(dir, path, flags | O_LARGEFILE, mode);
}

static ssize_t write_parts(int fd, const struct iovec *parts, int count, off_t offset) {
  struct stat now;
  ssize_t done;
  int whole = offset >= 0;
  if (!ours(fd, &now)) return whole ? REAL(pwritev)(fd, parts, count, offset) : REAL(writev)(fd, parts, count);
  pthread_mutex_lock(&lock);
  if (fails(WRITE)) {
    done = -1;
  } else {
    if (journal >= 0) {
      size_t length = 0;
      fstat(fd, &now);
      off_t at = whole ? offset : (fcntl(fd, F_GETFL) & O_APPEND) != 0 ? now.st_size : lseek(fd, 0, SEEK_CUR);
      for (int index = 0; index < count; index += 1) length += parts[index].iov_len;
      struct record record = {.type = DATA, .inode = now.st_ino, .offset = (uint64_t)at, .size = (uint64_t)now.st_size};
      char *old = malloc(length + 1);
      /* Files are opened for writing alone too: what is there is read by a descriptor of its own. */
      char self[64];
      snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
      int reader = REAL(open)(self, O_RDONLY | O_CLOEXEC);
      ssize_t got = old == NULL || reader < 0 ? -1 : pread(reader, old, length, at);
      if (got < 0) abort();
      REAL(close)(reader);
      record.old_length = (uint32_t)got;
      put(&record, old, parts, count);
      free(old);
    }
    done = whole ? REAL(pwritev)(fd, parts, count, offset) : REAL(writev)(fd, parts, count);
  }
  pthread_mutex_unlock(&lock);
  return done;
}

static ssize_t write_one(int fd, const void *bytes, size_t length, off_t offset) {
  struct stat now;
  if (!ours(fd, &now))
    return offset >= 0 ? REAL(pwrite)(fd, bytes, length, offset) : REAL(write)(fd, bytes, length);
  struct iovec part = {(void *)bytes, length};
  return write_parts(fd, &part, 1, offset);
}

ssize_t write(int fd, const void *bytes, size_t length) { return write_one(fd, bytes, length, -1); }
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) { return write_one(fd, bytes, length, offset); }
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
  return write_one(fd, bytes, length, offset);
}
ssize_t writev(int fd, const struct iovec *parts, int count) { return write_parts(fd, parts, count, -1); }
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
  return write_parts(fd, parts, count, offset);
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
  return write_parts(fd, parts, count, offset);
}

static int cut(int fd, off_t size) {
  struct stat now;
  int done;
  if (!ours(fd, &now)) return REAL(ftruncate)(fd, size);
  pthread_mutex_lock(&lock);
  if (fails(TRUNCATE)) {
    done = -1;
  } else {
    put_cut(now.st_ino, fd, (uint64_t)size, (uint64_t)now.st_size, (uint64_t)size);
    done = REAL(ftruncate)(fd, size);
  }
  pthread_mutex_unlock(&lock);
  return done;
}
int ftruncate(int fd, off_t size) { return cut(fd, size); }
int ftruncate64(int fd, off64_t size) { return cut(fd, size); }

static int sync_file(int fd, int data_only) {
  struct stat now;
  int done;
  if (!ours(fd, &now)) return data_only ? REAL(fdatasync)(fd) : REAL(fsync)(fd);
  pthread_mutex_lock(&lock);
  done = fails(SYNC) ? -1 : data_only ? REAL(fdatasync)(fd) : REAL(fsync)(fd);
  if (done == 0 && journal >= 0) {
    char self[64], path[PATH_MAX] = "";
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    ssize_t length = S_ISDIR(now.st_mode) ? readlink(self, path, sizeof path - 1) : 0;
    if (length >= 0) path[length] = 0;
    const char *name = below(path);
    put_paths(SYNCED, now.st_ino, name == NULL ? "" : name, "", 0);
  }
  pthread_mutex_unlock(&lock);
  return done;
}
int fsync(int fd) { return sync_file(fd, 0); }
int fdatasync(int fd) { return sync_file(fd, 1); }

int rename(const char *from, const char *to) {
  const char *old = below(from), *fresh = below(to);
  int done;
  if (old == NULL || fresh == NULL) return REAL(rename)(from, to);
  pthread_mutex_lock(&lock);
  if (fails(RENAME)) {
    done = -1;
  } else {
    uint32_t kept = keep_file(to);
    done = REAL(rename)(from, to);
    if (done == 0) put_paths(RENAMED, 0, old, fresh, kept);
  }
  pthread_mutex_unlock(&lock);
  return done;
}

int unlink(const char *path) {
  const char *name = below(path);
  int done;
  if (name == NULL) return REAL(unlink)(path);
  pthread_mutex_lock(&lock);
  if (fails(UNLINK)) {
    done = -1;
  } else {
    uint32_t kept = keep_file(path);
    done = REAL(unlink)(path);
    if (done == 0) put_paths(UNLINKED, 0, name, "", kept);
  }
  pthread_mutex_unlock(&lock);
  return done;
}

int mkdir(const char *path, mode_t mode) {
  const char *name = below(path);
  int done;
  if (name == NULL) return REAL(mkdir)(path, mode);
  pthread_mutex_lock(&lock);
  done = fails(MKDIR) ? -1 : REAL(mkdir)(path, mode);
  if (done == 0) put_paths(MADE, 0, "", name, 0);
  pthread_mutex_unlock(&lock);
  return done;
}
