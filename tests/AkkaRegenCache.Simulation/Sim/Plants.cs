using AkkaRegenCache.Notifications;
using AkkaRegenCache.Protocol;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Simulation;

/// <summary>A bug put in on purpose, to see that the simulator finds it.</summary>
/// <param name="Name">Its name on the command line.</param>
/// <param name="What">What is wrong.</param>
internal sealed record Plant(string Name, string What)
{
    public Func<World, AgentSettings, Random, IAccessLog, NodeAgent>? Agent { get; init; }

    public Func<string, StoreMachine>? Store { get; init; }

    public Func<CoordinatorSettings, Random, CoordinatorShard>? Coordinator { get; init; }
}

/// <summary>All plants.</summary>
internal static class Plants
{
    public static IReadOnlyList<Plant> All { get; } =
    [
        new("commit-without-claim", "the store accepts a result under any claim it ever gave out")
        {
            Store = static life => new CommitsWithoutClaim(life),
        },
        new("lease-never-ends", "a claim whose lease has run out still blocks the key")
        {
            Store = static life => new LeaseNeverEnds(life),
        },
        new("due-as-miss", "a scheduled regeneration is granted before it is due")
        {
            Store = static life => new AlwaysDue(life),
        },
        new("regenerated-for-ever", "a key that nobody reads goes on being regenerated")
        {
            Store = static life => new NeverInactive(life),
        },
        new("repeat-applied-twice", "a repeated operation is done again")
        {
            Store = static life => new ForgetsOperations(life),
        },
        new("awaiter-after-claim", "a caller is registered only some time after its claim was sent")
        {
            Agent = static (w, s, r, a) => new RegistersLate(w, s, r, a),
        },
        new("joined-after-change", "a caller joins a generation that a change has overtaken")
        {
            Agent = static (_, s, r, a) => new NeverSeals(s, r, a),
        },
        new("overtaken-answer", "an answer of the store older than what was heard enters memory")
        {
            Agent = static (_, s, r, a) => new TakesOvertaken(s, r, a),
        },
        new("gap-ignored", "a missed notification isn't noticed")
        {
            Agent = static (_, s, r, a) => new IgnoresGaps(s, r, a),
        },
        new("fresh-ignored", "nobody is woken by a new value")
        {
            Agent = static (_, s, r, a) => new IgnoresFresh(s, r, a),
        },
        new("renewal-forgotten", "claims of running generators aren't renewed")
        {
            Agent = static (_, s, r, a) => new NeverRenews(s, r, a),
        },
        new("new-life-ignored", "a store that has lost its data is taken for the one it was")
        {
            Agent = static (_, s, r, a) => new IgnoresLives(s, r, a),
        },
        new("late-failure", "the failure of an older generation fails those who wait for a newer one")
        {
            Agent = static (_, s, r, a) => new HearsLateFailures(s, r, a),
        },
        new("recovery-forgotten", "nothing goes on when the store is back")
        {
            Agent = static (_, s, r, a) => new ForgetsRecovery(s, r, a),
        },
        new("removal-uncovered", "what a waiting removal is to end is shown again")
        {
            Agent = static (_, s, r, a) => new ShowsRemoved(s, r, a),
        },
        new("lost-with-its-change", "what was made here after a change that waits gives way to what that change has lost to, though it is newer")
        {
            Agent = static (_, s, r, a) => new LosesWithChanges(s, r, a),
        },
        new("earlier-basis-forgotten", "what was made without the store gives way to the very record it was based on, when that is there again in another life of the store")
        {
            Agent = static (_, s, r, a) => new ForgetsEarlierBases(s, r, a),
        },
        new("given-not-shown", "what callers were given is shown only when the store has taken it")
        {
            Agent = static (_, s, r, a) => new ShowsLate(s, r, a),
        },
        new("place-not-given-back", "a generation that ended without a run keeps its place")
        {
            Agent = static (_, s, r, a) => new KeepsPlaces(s, r, a),
        },
        new("places-ignored", "more generators run for callers than may")
        {
            Agent = static (_, s, r, a) => new IgnoresPlaces(s, r, a),
        },
        new("late-grant-kept", "a claim that is granted after its node has given it up is not given back")
        {
            Agent = static (_, s, r, a) => new KeepsLateGrants(s, r, a),
        },
        new("outcome-not-pushed", "a coordinator doesn't wake those who wait")
        {
            Coordinator = static (s, r) => new NeverPushes(s, r),
        },
        new("orphan-forgotten", "nobody takes over what a dead node held")
        {
            Coordinator = static (s, r) => new ForgetsOrphans(s, r),
        },
        new("timer-forgotten", "a node forgets half of what is due on it")
        {
            Agent = static (_, s, r, a) => new ForgetsTimers(s, r, a),
        },
        new("death-ignored", "a node goes on waiting for a dead one whose coordinator is dead as well")
        {
            Agent = static (_, s, r, a) => new IgnoresDeaths(s, r, a),
        },
        new("due-forgotten", "a coordinator asks nobody to regenerate")
        {
            Coordinator = static (s, r) => new ForgetsDue(s, r),
        },
        new("survey-skipped", "a new coordinator doesn't ask what the nodes know")
        {
            Coordinator = static (s, r) => new NeverSurveys(s, r),
        },
    ];

    public static Plant? Find(string name) => All.FirstOrDefault(p => p.Name == name);

    private static TimeSpan Kept => TimeSpan.FromSeconds(10);

    private sealed class CommitsWithoutClaim(string life) : StoreMachine(life, Kept)
    {
        protected override bool MayCommit(StoreSlot slot, long token, long now) => token > slot.Token;
    }

    private sealed class LeaseNeverEnds(string life) : StoreMachine(life, Kept)
    {
        protected override bool IsLive(StoreSlot.ClaimState claim, long now) => true;
    }

    private sealed class AlwaysDue(string life) : StoreMachine(life, Kept)
    {
        protected override bool IsDue(StoreSlot slot, long now) => slot.DueAt != 0 && slot.ActiveUntil > now;
    }

    private sealed class NeverInactive(string life) : StoreMachine(life, Kept)
    {
        protected override bool IsDue(StoreSlot slot, long now) => slot.DueAt != 0 && slot.DueAt <= now;
    }

    private sealed class ForgetsOperations(string life) : StoreMachine(life, Kept)
    {
        protected override bool TryRecall(OperationId operation, out StoreAnswer first)
        {
            first = null!;
            return false;
        }
    }

    private sealed class RegistersLate(World world, AgentSettings settings, Random random, IAccessLog access)
        : NodeAgent(settings, random, access)
    {
        protected override void Join(Flight flight, Waiter waiter)
        {
            if (flight.Waiters is null)
                base.Join(flight, waiter);
            else
                world.After(SimOptions.Millis(2), () => base.Join(flight, waiter));
        }
    }

    private sealed class NeverSeals(AgentSettings settings, Random random, IAccessLog access) : NodeAgent(settings, random, access)
    {
        protected override void Seal(Flight flight)
        {
        }
    }

    private sealed class LosesWithChanges(AgentSettings settings, Random random, IAccessLog access) : NodeAgent(settings, random, access)
    {
        protected override bool ShowsChange(KeyState state) => true;
    }

    private sealed class ForgetsEarlierBases(AgentSettings settings, Random random, IAccessLog access) : NodeAgent(settings, random, access)
    {
        protected override bool IsBasis(KeyState state, long token) => token == state.Token;
    }

    private sealed class ShowsLate(AgentSettings settings, Random random, IAccessLog access) : NodeAgent(settings, random, access)
    {
        protected override void ShowOwn(Flight flight, CachePayload payload)
        {
        }
    }

    private sealed class KeepsPlaces(AgentSettings settings, Random random, IAccessLog access) : NodeAgent(settings, random, access)
    {
        protected override void GivePlaceBack(Flight flight)
        {
            if (flight.Phase != FlightPhase.Waiting)
                base.GivePlaceBack(flight);
        }
    }

    private sealed class KeepsLateGrants(AgentSettings settings, Random random, IAccessLog access) : NodeAgent(settings, random, access)
    {
        protected override void OnLateGrant(LateGrant late)
        {
        }
    }

    private sealed class IgnoresPlaces(AgentSettings settings, Random random, IAccessLog access) : NodeAgent(settings, random, access)
    {
        protected override bool TakePlace(Flight flight) => true;
    }

    private sealed class TakesOvertaken(AgentSettings settings, Random random, IAccessLog access) : NodeAgent(settings, random, access)
    {
        protected override bool IsOvertaken(StoreCall call, long token) => false;
    }

    private sealed class IgnoresGaps(AgentSettings settings, Random random, IAccessLog access) : NodeAgent(settings, random, access)
    {
        protected override void OnGap()
        {
        }
    }

    private sealed class IgnoresFresh(AgentSettings settings, Random random, IAccessLog access) : NodeAgent(settings, random, access)
    {
        protected override void HearFresh(KeyState state, CacheNotification heard)
        {
        }
    }

    private sealed class NeverRenews(AgentSettings settings, Random random, IAccessLog access) : NodeAgent(settings, random, access)
    {
        protected override void Renew()
        {
        }
    }

    private sealed class IgnoresLives(AgentSettings settings, Random random, IAccessLog access) : NodeAgent(settings, random, access)
    {
        protected override void NoteLife(int part, string life)
        {
        }
    }

    private sealed class ForgetsRecovery(AgentSettings settings, Random random, IAccessLog access) : NodeAgent(settings, random, access)
    {
        protected override void OnStoreBack()
        {
        }
    }

    private sealed class ShowsRemoved(AgentSettings settings, Random random, IAccessLog access) : NodeAgent(settings, random, access)
    {
        protected override bool MayShow(KeyState state) => true;
    }

    private sealed class NeverPushes(CoordinatorSettings settings, Random random) : CoordinatorShard(settings, random)
    {
        protected override void Push(int node, CacheNotification outcome)
        {
        }
    }

    private sealed class ForgetsOrphans(CoordinatorSettings settings, Random random) : CoordinatorShard(settings, random)
    {
        protected override void OnNodeDown(string name)
        {
        }
    }

    private sealed class ForgetsTimers(AgentSettings settings, Random random, IAccessLog access) : NodeAgent(settings, random, access)
    {
        private bool _forgets;

        protected override void ServeDue(KeyState state, string? orphan = null)
        {
            _forgets = !_forgets;
            if (!_forgets)
                base.ServeDue(state, orphan);
        }
    }

    private sealed class IgnoresDeaths(AgentSettings settings, Random random, IAccessLog access) : NodeAgent(settings, random, access)
    {
        protected override void OnNodeDown(string node)
        {
        }
    }

    private sealed class ForgetsDue(CoordinatorSettings settings, Random random) : CoordinatorShard(settings, random)
    {
        protected override void ServeDue(TrackedKey tracked)
        {
        }
    }

    private sealed class NeverSurveys(CoordinatorSettings settings, Random random) : CoordinatorShard(settings, random)
    {
        protected override void Survey()
        {
        }
    }

    private sealed class HearsLateFailures(AgentSettings settings, Random random, IAccessLog access) : NodeAgent(settings, random, access)
    {
        protected override bool Concerns(Flight flight, long token) => true;
    }
}
