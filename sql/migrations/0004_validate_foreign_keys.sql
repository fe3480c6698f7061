-- Reads the old rows against the keys of the file before; writers are not blocked meanwhile. A deployment whose old
-- rows point nowhere keeps the key for new rows only.

do $$
declare
    k record;
begin
    for k in
        select conname, conrelid::regclass as source
        from pg_catalog.pg_constraint
        where contype = 'f' and not convalidated
        and conrelid in ('public.compute_workloads'::regclass, 'public.compute_assets'::regclass)
        and conname in (
            'compute_workloads_recommended_region_id_fkey', 'compute_workloads_recommended_grid_zone_id_fkey',
            'compute_workloads_recommended_asset_id_fkey', 'compute_assets_region_id_fkey',
            'compute_assets_grid_zone_id_fkey'
        )
    loop
        begin
            execute format('alter table %s validate constraint %I', k.source, k.conname);
        exception when foreign_key_violation then
            raise notice 'old rows of % violate %; it holds for new rows only', k.source, k.conname;
        end;
    end loop;
end
$$;

insert into agent.migrations (name) values ('0004_validate_foreign_keys') on conflict (name) do nothing;
