-- Conversations brought from other tools. What they hold is in message, and for
-- searching in chunk, whose columns for that are those of memory. title_lower is
-- the title in lower case, which neither database makes of every script;
-- import_id the import that last changed something of it.
create table conversation (
    account_id integer not null references account (id) on delete cascade,
    id text not null,
    platform text not null,
    platform_id text not null,
    title text not null,
    title_lower text not null,
    created_at integer not null,
    updated_at integer not null,
    message_count integer not null,
    token_count integer not null,
    chunk_count integer not null,
    pinned integer not null default 0,
    revision integer not null default 1,
    import_id text,
    primary key (account_id, id),
    unique (account_id, platform, platform_id)
) without rowid;

create index conversation_newest on conversation (account_id, updated_at, id);

create table message (
    account_id integer not null,
    conversation_id text not null,
    position integer not null,
    platform_id text not null,
    role text not null,
    text text not null,
    created_at integer,
    primary key (account_id, conversation_id, position),
    foreign key (account_id, conversation_id) references conversation (account_id, id) on delete cascade
) without rowid;

-- first, start, last, stop: the messages that a chunk begins and ends in, and
-- where in their texts, in bytes. Its own text is not stored a second time.
create table chunk (
    doc integer primary key,
    account_id integer not null,
    conversation_id text not null,
    first integer not null,
    start integer not null,
    last integer not null,
    stop integer not null,
    role text not null,
    source text not null,
    bucket_id integer not null default 0,
    content_type text not null default 'text',
    version integer not null default 1,
    created_at integer not null,
    embedder integer,
    embedding blob,
    foreign key (account_id, conversation_id) references conversation (account_id, id) on delete cascade
);

create index chunk_conversation on chunk (account_id, conversation_id, first);
create index chunk_to_embed on chunk (account_id, doc) where embedder is null;

-- The functions are the program's own: src/db/sqlite/functions.rs.
create view chunk_text as
select c.*, (
    select group_concat(p.part, char(10)) from (
        select part_of(
            m.text,
            case m.position when c.first then c.start else 0 end,
            case m.position when c.last then c.stop end
        ) as part
        from message m
        where m.account_id = c.account_id and m.conversation_id = c.conversation_id
        and m.position between c.first and c.last order by m.position
    ) p where p.part <> ''
) as text
from chunk c;

-- What the full-text index is given. A version of the program that makes other words of a text
-- must rebuild it: what is deleted from it must be what it was given.
create view chunk_words as select doc, words_of(text) as text from chunk_text;

-- It is given stems, each once (src/search/stems.rs). Only words are looked up in it, by themselves, and scores
-- are worked out elsewhere, so it has neither places nor lengths. What a transaction adds becomes one segment
-- however much it is, and segments are merged when there are 16 of a size: many conversations are written
-- at once, and each merge writes them again.
create virtual table chunk_fts using fts5 (
    text,
    content = 'chunk_words',
    content_rowid = 'doc',
    tokenize = 'ascii',
    detail = none,
    columnsize = 0
);

insert into chunk_fts (chunk_fts, rank) values ('hashsize', 33554432);
insert into chunk_fts (chunk_fts, rank) values ('automerge', 0);
insert into chunk_fts (chunk_fts, rank) values ('pgsz', 16000);

-- revision: that of the conversation when it was made. model: who wrote it, nobody
-- where it is made of quotations.
create table conversation_summary (
    account_id integer not null,
    conversation_id text not null,
    revision integer not null,
    text text not null,
    model text,
    primary key (account_id, conversation_id),
    foreign key (account_id, conversation_id) references conversation (account_id, id) on delete cascade
) without rowid;

-- content: the messages as JSON. Chunks are made anew when it is restored.
create table conversation_trash (
    account_id integer not null references account (id) on delete cascade,
    id text not null,
    deletion_id text not null,
    platform text not null,
    platform_id text not null,
    title text not null,
    created_at integer not null,
    updated_at integer not null,
    pinned integer not null,
    import_id text,
    content text not null,
    deleted_at integer not null,
    purge_at integer not null,
    primary key (account_id, id)
) without rowid;

create index conversation_trash_newest on conversation_trash (account_id, deleted_at, id);
create index conversation_trash_due on conversation_trash (purge_at);

-- Conversations that were deleted, by a hash of platform and id. forever: they are
-- never to be taken in again; else only not by what runs by itself.
create table deleted_conversation (
    account_id integer not null references account (id) on delete cascade,
    hash blob not null,
    forever integer not null,
    created_at integer not null,
    primary key (account_id, hash)
) without rowid;

-- Purges from parts of the file since they were last erased. Ids are never used again, so that an erasure
-- forgets only those that it began after.
create table unclean (id integer primary key autoincrement, part text not null);

-- Imports, under way and done. report: what became of what was read, as JSON.
create table import (
    account_id integer not null references account (id) on delete cascade,
    id text not null,
    kind text not null,
    name text not null,
    state text not null,
    error text,
    bytes_total integer not null,
    bytes_read integer not null default 0,
    attempts integer not null default 0,
    report text not null,
    created_at integer not null,
    updated_at integer not null,
    finished_at integer,
    primary key (account_id, id)
) without rowid;

create index import_newest on import (account_id, created_at, id);
create index import_unfinished on import (updated_at) where finished_at is null;

-- Links under which a conversation can be read without a token for a while.
create table conversation_link (
    token_hash blob primary key,
    account_id integer not null,
    conversation_id text not null,
    expires_at integer not null,
    foreign key (account_id, conversation_id) references conversation (account_id, id) on delete cascade
) without rowid;

create index conversation_link_conversation on conversation_link (account_id, conversation_id);
create index conversation_link_expired on conversation_link (expires_at);
