"""The Hugging Face cache: its folders, what lies in them, and how much room it takes."""

from huggingface_hub import CacheNotFound, constants, scan_cache_dir

print("HF_HOME         ", constants.HF_HOME)
print("HF_HUB_CACHE    ", constants.HF_HUB_CACHE)
print("HF_ASSETS_CACHE ", constants.HF_ASSETS_CACHE)
print("token looked for", constants.HF_TOKEN_PATH)
try:
    info = scan_cache_dir()
except CacheNotFound:
    print("nothing has been downloaded yet")
else:
    for repo in sorted(info.repos, key=lambda repo: -repo.size_on_disk):
        print(f"{repo.size_on_disk:>15,}  {repo.repo_type} {repo.repo_id}")
    print(f"{info.size_on_disk:>15,}  in all")
    # to delete one: info.delete_revisions(COMMIT_HASH).execute(), or `hf cache rm ID` in a shell
