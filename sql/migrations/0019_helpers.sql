-- What later files need. Tables, columns, indexes and rows are made in these numbered files, once; functions, views and the
-- triggers that call them are in sql/functions, and are replaced whenever they change.

-- A table of ours: closed to all but the service role, whatever Supabase's default privileges say.
create or replace function agent.keep_private(tables text[])
returns void language plpgsql set search_path = ''
as $$
declare
    t text;
    outsider text;
begin
    foreach t in array tables loop
        execute format('alter table agent.%I enable row level security', t);
        execute format('revoke all on agent.%I from public', t);
        for outsider in select rolname from pg_catalog.pg_roles where rolname in ('anon', 'authenticated') loop
            execute format('revoke all on agent.%I from %I', t, outsider);
        end loop;
        if exists (select from pg_catalog.pg_roles where rolname = 'service_role') then
            execute format('grant select, insert, update, delete on agent.%I to service_role', t);
        end if;
    end loop;
end
$$;

-- One that is there stays as it is, so that a trigger that was switched off stays off, and a busy table is not locked for
-- nothing. A trigger that changes takes a new name.
create or replace function agent.ensure_trigger(trigger_name text, definition text)
returns void language plpgsql set search_path = ''
as $$
begin
    if not exists (select from pg_catalog.pg_trigger as t where t.tgname = trigger_name and not t.tgisinternal) then
        perform set_config('lock_timeout', '400ms', true);
        execute format('create trigger %I %s', trigger_name, definition);
    end if;
end
$$;

select agent.only_service_role(array['agent.keep_private(text[])', 'agent.ensure_trigger(text, text)']);

insert into agent.migrations (name) values ('0019_helpers') on conflict (name) do nothing;
