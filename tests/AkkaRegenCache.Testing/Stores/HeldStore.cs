using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Testing.Stores;

/// <summary>A store whose reads can be held back.</summary>
internal sealed class HeldStore(IExternalStore inner) : DelegatingStore(inner)
{
    private readonly List<TaskCompletionSource> _held = [];
    private int _reads;

    public bool Hold { get; set; }

    public int Held => _held.Count;

    public int Reads => Volatile.Read(ref _reads);

    public override IExternalStore ForCache(string cacheName) => this;

    public override bool AnnouncesOn(INotificationBus bus) => false;

    public void LetGo()
    {
        Hold = false;
        lock (_held)
        {
            _held.ForEach(held => held.TrySetResult());
            _held.Clear();
        }
    }

    public override async ValueTask<ReadAnswer> ReadAsync(ReadRequest request, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _reads);
        if (Hold)
        {
            var held = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            lock (_held)
                _held.Add(held);
            await held.Task.WaitAsync(cancellationToken);
        }

        return await Inner.ReadAsync(request, cancellationToken);
    }
}
