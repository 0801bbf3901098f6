-- An argon2id hash in PHC form; null until a password is set.
alter table account add column password text;

create table web_session (
    hash bytea not null primary key,
    account_id bigint not null references account (id) on delete cascade,
    created_at bigint not null,
    expires_at bigint not null
);

create index web_session_account on web_session (account_id);
create index web_session_expired on web_session (expires_at);

-- Clients that registered themselves. They are nobody's: one that is asked for
-- by many people is one client.
create table oauth_client (
    id text collate "C" not null primary key,
    name text not null,
    redirect_uris text not null,
    created_at bigint not null,
    used_at bigint
);

create index oauth_client_created on oauth_client (created_at);

-- What a person allowed a client. Its codes and tokens end with it.
create table oauth_grant (
    account_id bigint not null references account (id) on delete cascade,
    id text collate "C" not null,
    client_id text collate "C" not null,
    client_name text not null,
    scopes text not null,
    resource text not null,
    created_at bigint not null,
    last_used_at bigint,
    primary key (account_id, id)
);

create index oauth_grant_client on oauth_grant (client_id);

create table oauth_code (
    hash bytea not null primary key,
    account_id bigint not null,
    grant_id text collate "C" not null,
    redirect_uri text not null,
    challenge text not null,
    expires_at bigint not null,
    used_at bigint,
    foreign key (account_id, grant_id) references oauth_grant (account_id, id) on delete cascade
);

create index oauth_code_grant on oauth_code (account_id, grant_id);

create table oauth_token (
    hash bytea not null primary key,
    account_id bigint not null,
    grant_id text collate "C" not null,
    kind text not null,
    created_at bigint not null,
    expires_at bigint not null,
    replaced_at bigint,
    foreign key (account_id, grant_id) references oauth_grant (account_id, id) on delete cascade
);

create index oauth_token_grant on oauth_token (account_id, grant_id);
create index oauth_token_expired on oauth_token (expires_at);
