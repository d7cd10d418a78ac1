//! Backup (备份): a second copy of every sealed segment on another disk or an S3-compatible store, proven by its digest (R7).
