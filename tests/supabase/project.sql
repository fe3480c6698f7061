-- Per database of the platform, run by its superuser.

create schema auth;
grant usage on schema auth to anon, authenticated, service_role, deployer;

create function auth.jwt() returns jsonb language sql stable as $$
    select coalesce(
        nullif(current_setting('request.jwt.claim', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')
    )::jsonb
$$;
create function auth.uid() returns uuid language sql stable as $$ select (auth.jwt() ->> 'sub')::uuid $$;
create function auth.role() returns text language sql stable as $$ select auth.jwt() ->> 'role' $$;

alter schema public owner to deployer;
grant usage on schema public to anon, authenticated, service_role;
alter default privileges for role deployer in schema public grant all on tables to anon, authenticated, service_role;
alter default privileges for role deployer in schema public grant all on functions to anon, authenticated, service_role;
alter default privileges for role deployer in schema public grant all on sequences to anon, authenticated, service_role;
