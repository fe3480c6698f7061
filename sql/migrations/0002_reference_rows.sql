-- The 14 regions of NESO's Carbon Intensity API and one grid zone for each. What a deployment already has is matched
-- by uk_regions.region_id and left as it is; a zone is added only where none covers the region.
-- Region names and DNO names: NESO Carbon Intensity API (CC BY 4.0). Letters: GSP groups of the distribution areas.
-- Coordinates: a large town of the region, for a map pin, not a boundary.

create or replace function agent.reference_regions()
returns table (
    region_id integer,
    gsp_group text,
    name text,
    dno text,
    nation text,
    town text,
    latitude numeric,
    longitude numeric,
    postcodes text[]
)
language sql
immutable
set search_path = ''
as $$
    values
        (1, 'P', 'North Scotland', 'Scottish Hydro Electric Power Distribution', 'Scotland', 'Inverness', 57.48, -4.22,
            '{AB,IV,KW,PA,PH,HS,ZE}'::text[]),
        (2, 'N', 'South Scotland', 'SP Distribution', 'Scotland', 'Edinburgh', 55.95, -3.19,
            '{DD,DG,EH,FK,G,KA,KY,ML,TD}'),
        (3, 'G', 'North West England', 'Electricity North West', 'England', 'Manchester', 53.48, -2.24,
            '{BB,BL,CA,FY,LA,M,OL,PR,SK,WA,WN}'),
        (4, 'F', 'North East England', 'NPG North East', 'England', 'Newcastle upon Tyne', 54.98, -1.61,
            '{DH,DL,NE,SR,TS}'),
        (5, 'M', 'Yorkshire', 'NPG Yorkshire', 'England', 'Leeds', 53.80, -1.55,
            '{BD,DN,HD,HG,HU,HX,LS,S,WF,YO}'),
        (6, 'D', 'North Wales & Merseyside', 'SP Manweb', 'Wales', 'Liverpool', 53.41, -2.98,
            '{CH,CW,L,LL,SY}'),
        (7, 'K', 'South Wales', 'WPD South Wales', 'Wales', 'Cardiff', 51.48, -3.18,
            '{CF,NP,SA}'),
        (8, 'E', 'West Midlands', 'WPD West Midlands', 'England', 'Birmingham', 52.48, -1.90,
            '{B,CV,DY,HR,ST,TF,WR,WS,WV}'),
        (9, 'B', 'East Midlands', 'WPD East Midlands', 'England', 'Nottingham', 52.95, -1.15,
            '{DE,LE,LN,NG,NN}'),
        (10, 'A', 'East England', 'UKPN East', 'England', 'Norwich', 52.63, 1.30,
            '{AL,CB,CM,CO,IP,NR,PE,SG,SS}'),
        (11, 'L', 'South West England', 'WPD South West', 'England', 'Exeter', 50.72, -3.53,
            '{BA,BS,DT,EX,GL,PL,TA,TQ,TR}'),
        (12, 'H', 'South England', 'SSE South', 'England', 'Southampton', 50.90, -1.40,
            '{BH,GU,HP,OX,PO,RG,SL,SN,SO,SP}'),
        (13, 'C', 'London', 'UKPN London', 'England', 'London', 51.51, -0.13,
            '{E,EC,N,NW,SE,SW,W,WC,EN,HA,IG,RM,UB}'),
        (14, 'J', 'South East England', 'UKPN South East', 'England', 'Brighton', 50.82, -0.14,
            '{BN,CT,DA,ME,RH,TN}')
$$;

select agent.only_service_role(array['agent.reference_regions()']);

insert into public.uk_regions (id, region_id, region_code, region_name, short_name, postcode_prefix, dno_region)
select gen_random_uuid(), r.region_id, r.gsp_group, r.name, r.name, r.postcodes, r.dno
from agent.reference_regions() as r
where not exists (select from public.uk_regions as u where u.region_id = r.region_id);

do $$
begin
    -- a deployment may number its zones: then they are its own affair, and a region without one stays null
    if exists (
        select from pg_catalog.pg_attribute
        where attrelid = 'public.grid_zones'::regclass and attname = 'zone_id'
        and atttypid in ('text'::regtype, 'varchar'::regtype)
    ) then
        insert into public.grid_zones
            (id, zone_id, zone_name, grid_area, grid_zone_code, locality, region, country, coordinates)
        select
            gen_random_uuid(), 'NESO-' || to_char(r.region_id, 'FM00'), r.name, r.dno, '_' || r.gsp_group, r.town,
            r.name, r.nation, jsonb_build_object('lat', r.latitude, 'lon', r.longitude)
        from agent.reference_regions() as r
        inner join public.uk_regions as u on u.region_id = r.region_id
        where not exists (
            select from public.grid_zones as z
            where z.zone_id = 'NESO-' || to_char(r.region_id, 'FM00')
            or lower(z.region) in (lower(r.name), lower(u.short_name), lower(u.region_name))
        );
    end if;
end
$$;

-- The one zone that covers a region; null where there is none or where several do: an id is never guessed.
create or replace function agent.grid_zone_of(region_number integer)
returns uuid
language plpgsql
stable
set search_path = ''
as $$
declare
    short text;
    long text;
    found_ids uuid[];
begin
    select lower(u.short_name), lower(u.region_name) into short, long
    from public.uk_regions as u where u.region_id = region_number;
    found_ids := array(
        select z.id from public.grid_zones as z
        where lower(z.region::text) in (short, long)
        or z.zone_id::text = 'NESO-' || to_char(region_number, 'FM00')
    );
    return case when cardinality(found_ids) = 1 then found_ids[1] end;
end
$$;

select agent.only_service_role(array['agent.grid_zone_of(integer)']);

insert into agent.migrations (name) values ('0002_reference_rows') on conflict (name) do nothing;
