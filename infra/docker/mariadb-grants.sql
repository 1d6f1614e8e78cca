-- Tests and tools make databases of their own beside the application's.
GRANT ALL ON `exchange%`.* TO 'exchange'@'%';
