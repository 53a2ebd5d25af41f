"""Places that keep files, each through a file system of fsspec: S3 and its like, SFTP, WebDAV, SMB, FTP, clouds."""
