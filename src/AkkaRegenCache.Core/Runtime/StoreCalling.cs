using AkkaRegenCache.Protocol;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Runtime;

/// <summary>Calls the operation of the store that a <see cref="StoreCall"/> means.</summary>
internal static class StoreCalling
{
    public static ValueTask<StoreAnswer> Invoke(IExternalStore store, StoreCall call, CancellationToken abandon) => call.Request switch
    {
        ReadRequest read => Widen(store.ReadAsync(read, abandon)),
        ClaimRequest claim => Widen(store.ClaimAsync(claim, abandon)),
        CommitRequest commit => Widen(store.CommitAsync(commit, abandon)),
        ReleaseRequest release => Widen(store.ReleaseAsync(release, abandon)),
        WriteRequest write => Widen(store.WriteAsync(write, abandon)),
        InvalidateRequest invalidate => Widen(store.InvalidateAsync(invalidate, abandon)),
        _ when call.Claims is { } claims => Widen(store.RenewAsync(claims, call.Lease, abandon)),
        _ when call.Activities is { } activities => Widen(store.TouchAsync(activities, abandon)),
        _ when call.Keys is { } keys => Widen(store.CheckAsync(keys, abandon)),
        _ => throw new InvalidOperationException($"No operation for {NameOf(call)}."),
    };

    public static string NameOf(StoreCall call) => call.Request?.GetType().Name
        ?? (call.Claims is not null ? "Renew" : call.Activities is not null ? "Touch" : "Check");

    private static ValueTask<StoreAnswer> Widen<T>(ValueTask<T> task)
        where T : StoreAnswer
    {
        return task.IsCompletedSuccessfully ? new(task.Result) : Await(task);

        static async ValueTask<StoreAnswer> Await(ValueTask<T> task) => await task.ConfigureAwait(false);
    }
}
