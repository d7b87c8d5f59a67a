using AkkaRegenCache.Protocol;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Runtime;

/// <summary>Calls the operation of the store that a <see cref="StoreCall"/> means.</summary>
internal static class StoreCalling
{
    public static ValueTask<StoreAnswer> Invoke(IExternalStore store, StoreCall call) => call.Request switch
    {
        ReadRequest read => Widen(store.ReadAsync(read)),
        ClaimRequest claim => Widen(store.ClaimAsync(claim)),
        CommitRequest commit => Widen(store.CommitAsync(commit)),
        ReleaseRequest release => Widen(store.ReleaseAsync(release)),
        WriteRequest write => Widen(store.WriteAsync(write)),
        InvalidateRequest invalidate => Widen(store.InvalidateAsync(invalidate)),
        _ when call.Claims is { } claims => Widen(store.RenewAsync(claims, call.Lease)),
        _ when call.Activities is { } activities => Widen(store.TouchAsync(activities)),
        _ when call.Keys is { } keys => Widen(store.CheckAsync(keys)),
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
