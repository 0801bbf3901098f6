create table account (
    id integer primary key autoincrement,
    name text not null unique,
    seq integer not null default 0,
    created_at integer not null
);

create table api_token (
    account_id integer not null references account (id) on delete cascade,
    id text not null primary key,
    name text not null,
    lookup text not null unique,
    hash blob not null,
    scopes text not null,
    created_at integer not null,
    expires_at integer,
    last_used_at integer
) without rowid;

create index api_token_account on api_token (account_id, created_at, id);

create table bucket (
    account_id integer not null references account (id) on delete cascade,
    id integer not null,
    name text not null,
    name_key text not null,
    description text,
    is_general integer not null default 0,
    memory_count integer not null default 0 check (memory_count >= 0),
    created_at integer not null,
    primary key (account_id, id),
    unique (account_id, name_key)
) without rowid;

create unique index bucket_one_general on bucket (account_id) where is_general = 1;

-- doc is the row's number everywhere (account.seq below the account's own
-- range), so that the full-text index can be searched one account at a time.
create table memory (
    doc integer primary key,
    account_id integer not null,
    id text not null,
    bucket_id integer not null,
    text text not null,
    fingerprint integer not null,
    source text,
    content_type text not null default 'text',
    version integer not null default 1,
    created_at integer not null,
    updated_at integer not null,
    unique (account_id, id),
    foreign key (account_id, bucket_id) references bucket (account_id, id)
);

create index memory_newest on memory (account_id, created_at, doc);
create index memory_bucket_newest on memory (account_id, bucket_id, created_at, doc);
create index memory_fingerprint on memory (account_id, fingerprint);

create virtual table memory_fts using fts5 (
    text,
    content = 'memory',
    content_rowid = 'doc',
    tokenize = 'porter unicode61 remove_diacritics 2'
);

create table memory_version (
    account_id integer not null references account (id) on delete cascade,
    memory_id text not null,
    version integer not null,
    bucket_id integer not null,
    text text not null,
    created_at integer not null,
    primary key (account_id, memory_id, version)
) without rowid;

create table deletion (
    account_id integer not null references account (id) on delete cascade,
    id text not null,
    operation text not null,
    token_name text not null,
    deleted integer not null,
    failed integer not null,
    restored integer not null default 0,
    purged integer not null default 0,
    id_salt blob not null,
    id_hashes blob not null,
    created_at integer not null,
    purged_at integer,
    erased_at integer,
    primary key (account_id, id)
) without rowid;

create index deletion_to_erase on deletion (purged_at) where purged_at is not null and erased_at is null;

create table trash (
    doc integer primary key,
    account_id integer not null references account (id) on delete cascade,
    id text not null,
    deletion_id text not null,
    bucket_id integer not null,
    bucket_name text not null,
    text text not null,
    fingerprint integer not null,
    source text,
    content_type text not null,
    version integer not null,
    created_at integer not null,
    updated_at integer not null,
    deleted_at integer not null,
    purge_at integer not null,
    unique (account_id, id)
);

create index trash_newest on trash (account_id, deleted_at, doc);
create index trash_due on trash (purge_at);
