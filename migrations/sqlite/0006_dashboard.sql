-- What one deletion took is put back together.
create index trash_deletion on trash (account_id, deletion_id);
create index conversation_trash_deletion on conversation_trash (account_id, deletion_id);

create index memory_updated on memory (account_id, updated_at, doc);

-- How often and how fast an account is searched. day: days since 1970-01-01, UTC.
-- step: how long it took, as a power of the root of 2, in microseconds. micros: all
-- of them together.
create table usage_day (
    account_id integer not null references account (id) on delete cascade,
    day integer not null,
    kind text not null,
    step integer not null,
    count integer not null,
    micros integer not null,
    slowest integer not null,
    primary key (account_id, day, kind, step)
) without rowid;

create index usage_day_oldest on usage_day (day);
