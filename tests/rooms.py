"""How the house stands: rooms, arrows and floors per folder, counted from the imports. `python -m tests.rooms`"""

import sys

import grimp

FOLDERS = ("graph", "agents", "tools", "persistence", "evals")


def count(graph: grimp.ImportGraph, folder: str) -> tuple[int, int, int]:
    """Modules and packages directly inside a folder, imports between them, and the longest chain of those."""
    rooms = sorted(graph.find_children(folder))
    arrows = {room: {other for other in rooms if _imports(graph, room, other)} for room in rooms}

    def height(room: str, above: tuple[str, ...] = ()) -> int:
        if room in above:
            msg = f"imports go in a circle: {' → '.join((*above, room))}"
            raise ValueError(msg)
        return 1 + max((height(other, (*above, room)) for other in arrows[room]), default=0)

    return len(rooms), sum(map(len, arrows.values())), max(map(height, rooms), default=0)


def _imports(graph: grimp.ImportGraph, one: str, other: str) -> bool:
    return one != other and graph.direct_import_exists(importer=one, imported=other, as_packages=True)


def main() -> None:
    graph = grimp.build_graph(
        *FOLDERS, include_external_packages=False, exclude_type_checking_imports=True, cache_dir=None
    )  # as the import contracts count
    folders = list(FOLDERS) + sorted(
        module for module in graph.modules if module.count(".") == 1 and graph.find_children(module)
    )
    print("| folder | rooms | arrows | floors |\n|---|---|---|---|")
    for folder in folders:
        print("| {} | {} | {} | {} |".format(folder.replace(".", "/"), *count(graph, folder)))


if __name__ == "__main__":
    sys.exit(main())
