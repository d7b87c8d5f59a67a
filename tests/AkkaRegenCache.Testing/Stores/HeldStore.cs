using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Testing.Stores;

/// <summary>A store whose reads can be held back.</summary>
internal sealed class HeldStore(IExternalStore inner) : IExternalStore
{
    private readonly List<TaskCompletionSource> _held = [];
    private int _reads;

    public bool Hold { get; set; }

    public int Held => _held.Count;

    public int Reads => Volatile.Read(ref _reads);

    public bool StoresObjects => inner.StoresObjects;

    public IExternalStore ForCache(string cacheName) => this;

    public void LetGo()
    {
        Hold = false;
        lock (_held)
        {
            _held.ForEach(held => held.TrySetResult());
            _held.Clear();
        }
    }

    public async ValueTask<ReadAnswer> ReadAsync(ReadRequest request, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _reads);
        if (Hold)
        {
            var held = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            lock (_held)
                _held.Add(held);
            await held.Task.WaitAsync(cancellationToken);
        }

        return await inner.ReadAsync(request, cancellationToken);
    }

    public ValueTask<ClaimAnswer> ClaimAsync(ClaimRequest request, CancellationToken cancellationToken = default) =>
        inner.ClaimAsync(request, cancellationToken);

    public ValueTask<RenewAnswer> RenewAsync(IReadOnlyList<HeldClaim> claims, TimeSpan lease, CancellationToken cancellationToken = default) =>
        inner.RenewAsync(claims, lease, cancellationToken);

    public ValueTask<ChangeAnswer> CommitAsync(CommitRequest request, CancellationToken cancellationToken = default) =>
        inner.CommitAsync(request, cancellationToken);

    public ValueTask<ReleaseAnswer> ReleaseAsync(ReleaseRequest request, CancellationToken cancellationToken = default) =>
        inner.ReleaseAsync(request, cancellationToken);

    public ValueTask<ChangeAnswer> WriteAsync(WriteRequest request, CancellationToken cancellationToken = default) =>
        inner.WriteAsync(request, cancellationToken);

    public ValueTask<ChangeAnswer> InvalidateAsync(InvalidateRequest request, CancellationToken cancellationToken = default) =>
        inner.InvalidateAsync(request, cancellationToken);

    public ValueTask<TouchAnswer> TouchAsync(IReadOnlyList<KeyActivity> activities, CancellationToken cancellationToken = default) =>
        inner.TouchAsync(activities, cancellationToken);

    public ValueTask<CheckAnswer> CheckAsync(IReadOnlyList<string> keys, CancellationToken cancellationToken = default) =>
        inner.CheckAsync(keys, cancellationToken);
}
