-- The winner's ids point at the reference tables. Only the winner's: PostgREST refuses to embed a table that two keys
-- lead to, so keys on the runners-up would break frontends that embed it. Added unvalidated (a short lock); the next
-- file reads the old rows without blocking anybody. An existing key on a column is left as it is.

do $$
declare
    k record;
begin
    perform set_config('lock_timeout', '400ms', true);
    for k in
        select *
        from (
            values
            ('compute_workloads', 'recommended_region_id', 'uk_regions'),
            ('compute_workloads', 'recommended_grid_zone_id', 'grid_zones'),
            ('compute_workloads', 'recommended_asset_id', 'compute_assets'),
            ('compute_assets', 'region_id', 'uk_regions'),
            ('compute_assets', 'grid_zone_id', 'grid_zones')
        ) as keys (source, source_column, target)
        where not exists (
            select
            from pg_catalog.pg_constraint as c
            inner join pg_catalog.pg_attribute as a on a.attrelid = c.conrelid and a.attnum = any(c.conkey)
            where c.contype = 'f'
            and c.conrelid = format('public.%I', keys.source)::regclass
            and a.attname = keys.source_column
        )
        and 'uuid'::regtype = all(
            select a.atttypid
            from pg_catalog.pg_attribute as a
            where (a.attrelid = format('public.%I', keys.source)::regclass and a.attname = keys.source_column)
            or (a.attrelid = format('public.%I', keys.target)::regclass and a.attname = 'id')
        )
        and exists (
            select
            from pg_catalog.pg_index as i
            inner join pg_catalog.pg_attribute as a on a.attrelid = i.indrelid and a.attname = 'id'
            where i.indrelid = format('public.%I', keys.target)::regclass
            and i.indisunique and i.indnkeyatts = 1 and i.indkey[0] = a.attnum and i.indpred is null
        )
    loop
        execute format(
            'alter table public.%1$I add constraint %2$I foreign key (%3$I) references public.%4$I (id) '
            'on delete set null not valid',
            k.source, k.source || '_' || k.source_column || '_fkey', k.source_column, k.target
        );
    end loop;
end
$$;

insert into agent.migrations (name) values ('0003_foreign_keys') on conflict (name) do nothing;
