-- Links with which a person sets a password, each once.
create table sign_in_link (
    hash bytea not null primary key,
    account_id bigint not null references account (id) on delete cascade,
    created_at bigint not null,
    expires_at bigint not null
);

create index sign_in_link_account on sign_in_link (account_id);
create index sign_in_link_expired on sign_in_link (expires_at);
