-- What Supabase prepares before a project's owner arrives: roles, the auth schema, and default privileges that grant
-- everything in public to anon, authenticated and service_role BY NAME. `deployer` stands for the role `postgres` of a
-- hosted project, which is no superuser.

create role anon nologin noinherit;
create role authenticated nologin noinherit;
create role service_role nologin noinherit bypassrls;
create role authenticator login noinherit;
create role deployer login createdb createrole bypassrls;
grant anon, authenticated, service_role to authenticator;
grant anon, authenticated, service_role to deployer with admin option;
alter role anon set statement_timeout = '3s';
alter role authenticated set statement_timeout = '8s';
alter role authenticator set statement_timeout = '8s';
