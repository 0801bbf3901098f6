-- What one deletion took is put back together.
create index trash_deletion on trash (account_id, deletion_id);
create index conversation_trash_deletion on conversation_trash (account_id, deletion_id);

create index memory_updated on memory (account_id, updated_at, doc);
