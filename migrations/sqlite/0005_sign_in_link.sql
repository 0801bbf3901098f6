-- Links with which a person sets a password, each once.
create table sign_in_link (
    hash blob not null primary key,
    account_id integer not null references account (id) on delete cascade,
    created_at integer not null,
    expires_at integer not null
) without rowid;

create index sign_in_link_account on sign_in_link (account_id);
create index sign_in_link_expired on sign_in_link (expires_at);
