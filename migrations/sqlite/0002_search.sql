-- The spaces that embeddings are in: vectors of different ones are never compared.
create table embedder (
    id integer primary key autoincrement,
    name text not null unique
);

-- Which documents changed with which number of account.seq, but for new ones,
-- whose doc has that number in it. What processes keep in memory follows this.
create table memory_change (
    account_id integer not null references account (id) on delete cascade,
    seq integer not null,
    doc integer not null,
    primary key (account_id, seq, doc)
) without rowid;

-- memory_change is whole for numbers above this one.
alter table account add column changes_after integer not null default 0;

-- words: what the full-text index is given, where that is not the text itself.
-- analysis: null until that was decided by the program that is running.
-- embedder: null until the embedding was made; with one and no embedding, the text has none.
alter table memory add column words text;
alter table memory add column analysis integer;
alter table memory add column embedder integer;
alter table memory add column embedding blob;

alter table trash add column words text;
alter table trash add column analysis integer;
alter table trash add column embedder integer;
alter table trash add column embedding blob;

create index memory_to_analyze on memory (account_id, doc) where analysis is null;
create index memory_to_embed on memory (account_id, doc) where embedder is null;

create view memory_words as select doc, coalesce(words, text) as text from memory;

-- Words come folded and cut by the program (src/search/analyze.rs), so that the
-- tokenizer has only to part them and to stem.
drop table memory_fts;

create virtual table memory_fts using fts5 (
    text,
    content = 'memory_words',
    content_rowid = 'doc',
    tokenize = 'porter ascii'
);

insert into memory_fts (memory_fts) values ('rebuild');
