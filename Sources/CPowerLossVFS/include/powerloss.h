#ifndef POWERLOSS_H
#define POWERLOSS_H

#include <stdint.h>

/// The name of the VFS, for sqlite3_open_v2.
#define POWERLOSS_VFS_NAME "powerloss"

/// A SQLite VFS over the default one that can lose power.
///
/// It keeps, for every database, journal and write-ahead log, what the disk surely has (its bytes at the last
/// xSync) and the writes since. The -shm file is memory and not kept. All state is global: one test at a time.

/// Registers the VFS, once; later calls do nothing. Returns a SQLite result code.
int powerloss_register(void);

/// Forgets all files and counts from zero; power goes at the operation with this number (1 is the next), or
/// never when it is 0. An operation is an xWrite, xTruncate, xDelete or xSync. Files opened earlier must be
/// closed by now.
void powerloss_arm(uint64_t operations_until_loss, uint64_t seed);

/// The operations since powerloss_arm.
uint64_t powerloss_operations(void);

/// 1 once power is gone: from then on every access to a file fails with SQLITE_IOERR.
int powerloss_is_lost(void);

/// Makes every xSync fail with SQLITE_IOERR_FSYNC from now on, until powerloss_arm.
void powerloss_fail_sync(void);

/// Puts on the disk what power loss may have left: of each write since a file's last xSync every 512-byte sector
/// is, as the seed says, there, missing or torn. All connections must be closed (closing a file here would
/// drop their locks). Returns 0, or an errno.
int powerloss_revert(void);

#endif
