-- Conversations brought from other tools. What they hold is in message, and for
-- searching in chunk, whose columns for that are those of memory. title_lower is
-- the title in lower case, which neither database makes of every script;
-- import_id the import that last changed something of it.
create table conversation (
    account_id bigint not null references account (id) on delete cascade,
    id text collate "C" not null,
    platform text collate "C" not null,
    platform_id text collate "C" not null,
    title text not null,
    title_lower text not null,
    created_at bigint not null,
    updated_at bigint not null,
    message_count bigint not null,
    token_count bigint not null,
    chunk_count bigint not null,
    pinned bigint not null default 0,
    revision bigint not null default 1,
    import_id text,
    primary key (account_id, id),
    unique (account_id, platform, platform_id)
);

create index conversation_newest on conversation (account_id, updated_at, id);

create table message (
    account_id bigint not null,
    conversation_id text collate "C" not null,
    position bigint not null,
    platform_id text collate "C" not null,
    role text not null,
    text text not null,
    created_at bigint,
    primary key (account_id, conversation_id, position),
    foreign key (account_id, conversation_id) references conversation (account_id, id) on delete cascade
);

-- first, start, last, stop: the messages that a chunk begins and ends in, and
-- where in their texts, in bytes.
create table chunk (
    account_id bigint not null,
    doc bigint not null,
    conversation_id text collate "C" not null,
    first bigint not null,
    start bigint not null,
    last bigint not null,
    stop bigint not null,
    role text not null,
    text text not null,
    source text not null,
    bucket_id bigint not null default 0,
    content_type text not null default 'text',
    version bigint not null default 1,
    created_at bigint not null,
    words text,
    analysis bigint,
    embedder bigint,
    embedding halfvec,
    tsv tsvector not null generated always as (
        array_to_tsvector(
            array_remove(string_to_array(coalesce(words, ''), ' '), '') || array['account:' || account_id::text]
        )
    ) stored,
    length bigint not null generated always as (
        coalesce(array_length(array_remove(string_to_array(words, ' '), ''), 1), 0)
    ) stored,
    primary key (account_id, doc),
    foreign key (account_id, conversation_id) references conversation (account_id, id) on delete cascade
);

-- On SQLite the text is not in the table itself.
create view chunk_text as select * from chunk;

create index chunk_conversation on chunk (account_id, conversation_id, first);
create index chunk_newest on chunk (account_id, created_at, doc);
create index chunk_tsv on chunk using gin (tsv) with (fastupdate = off);
create index chunk_to_embed on chunk (account_id, doc) where embedder is null;

-- revision: that of the conversation when it was made. model: who wrote it, nobody
-- where it is made of quotations.
create table conversation_summary (
    account_id bigint not null,
    conversation_id text collate "C" not null,
    revision bigint not null,
    text text not null,
    model text,
    primary key (account_id, conversation_id),
    foreign key (account_id, conversation_id) references conversation (account_id, id) on delete cascade
);

-- Statistics would keep samples of the texts, for the planner, also of those that were purged.
alter table conversation alter column title set statistics 0;
alter table conversation alter column title_lower set statistics 0;
alter table message alter column text set statistics 0;
alter table conversation_summary alter column text set statistics 0;
alter table chunk alter column text set statistics 0;
alter table chunk alter column words set statistics 0;
alter table chunk alter column tsv set statistics 0;
alter table chunk alter column embedding set statistics 0;

-- content: the messages as JSON. Chunks are made anew when it is restored.
create table conversation_trash (
    account_id bigint not null references account (id) on delete cascade,
    id text collate "C" not null,
    deletion_id text collate "C" not null,
    platform text collate "C" not null,
    platform_id text collate "C" not null,
    title text not null,
    created_at bigint not null,
    updated_at bigint not null,
    pinned bigint not null,
    import_id text collate "C",
    content text not null,
    deleted_at bigint not null,
    purge_at bigint not null,
    primary key (account_id, id)
);

create index conversation_trash_newest on conversation_trash (account_id, deleted_at, id);
create index conversation_trash_due on conversation_trash (purge_at);
alter table conversation_trash alter column title set statistics 0;
alter table conversation_trash alter column content set statistics 0;

-- Conversations that were deleted, by a hash of platform and id. forever: they are
-- never to be taken in again; else only not by what runs by itself.
create table deleted_conversation (
    account_id bigint not null references account (id) on delete cascade,
    hash bytea not null,
    forever bigint not null,
    created_at bigint not null,
    primary key (account_id, hash)
);

-- Imports, under way and done. report: what became of what was read, as JSON.
create table import (
    account_id bigint not null references account (id) on delete cascade,
    id text collate "C" not null,
    kind text not null,
    name text not null,
    state text not null,
    error text,
    bytes_total bigint not null,
    bytes_read bigint not null default 0,
    attempts bigint not null default 0,
    report text not null,
    created_at bigint not null,
    updated_at bigint not null,
    finished_at bigint,
    primary key (account_id, id)
);

create index import_newest on import (account_id, created_at, id);
create index import_unfinished on import (updated_at) where finished_at is null;

-- Links under which a conversation can be read without a token for a while.
create table conversation_link (
    token_hash bytea primary key,
    account_id bigint not null,
    conversation_id text collate "C" not null,
    expires_at bigint not null,
    foreign key (account_id, conversation_id) references conversation (account_id, id) on delete cascade
);

create index conversation_link_conversation on conversation_link (account_id, conversation_id);
create index conversation_link_expired on conversation_link (expires_at);
